//! HMAC_DRBG over SHA-256 (SP 800-90A §10.1.2): mixes sources of randomness, of which one good one is enough. HMAC is that
//! of the provider.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// Most bytes of one request (SP 800-90A table 2: 2^19 bits).
const REQUEST_BYTES: usize = 1 << 16;

type State = Zeroizing<[u8; 32]>;

/// A generator. It has to be seeded again long before 2^48 requests.
pub struct HmacDrbg {
    key: State,
    value: State,
}

impl HmacDrbg {
    /// Instantiates it. The parts of the seed are entropy input, nonce and personalization string, in this order.
    pub fn new(seed: &[&[u8]]) -> Self {
        let mut drbg = Self { key: Zeroizing::new([0; 32]), value: Zeroizing::new([1; 32]) };
        drbg.update(seed);
        drbg
    }

    /// Mixes more entropy in.
    pub fn reseed(&mut self, seed: &[&[u8]]) {
        self.update(seed);
    }

    /// Fills the buffer.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        for request in buffer.chunks_mut(REQUEST_BYTES) {
            for part in request.chunks_mut(32) {
                self.value = self.hmac(&[]);
                part.copy_from_slice(&self.value[..part.len()]);
            }
            self.update(&[]);
        }
    }

    fn update(&mut self, seed: &[&[u8]]) {
        for round in [&[0_u8][..], &[1]] {
            let parts: Vec<&[u8]> = [round].into_iter().chain(seed.iter().copied()).collect();
            self.key = self.hmac(&parts);
            self.value = self.hmac(&[]);
            if seed.is_empty() {
                return;
            }
        }
    }

    /// HMAC of the value and more under the key.
    fn hmac(&self, parts: &[&[u8]]) -> State {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &*self.key));
        context.update(&*self.value);
        parts.iter().for_each(|part| context.update(part));
        let mut state = Zeroizing::new([0; 32]);
        state.copy_from_slice(context.sign().as_ref());
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    /// NIST CAVP, HMAC_DRBG SHA-256 without prediction resistance and reseed, first case: the second output.
    #[test]
    fn the_case_of_nist() {
        let entropy = hex("ca851911349384bffe89de1cbdc46e6831e44d34a4fb935ee285dd14b71a7488");
        let nonce = hex("659ba96c601dc69fc902940805ec0ca8");
        let mut drbg = HmacDrbg::new(&[&entropy, &nonce]);
        let mut output = [0; 128];
        drbg.fill(&mut output);
        drbg.fill(&mut output);
        let wanted = "e528e9abf2dece54d47c7e75e5fe302149f817ea9fb4bee6f4199697d04d5b89d54fbb978a15b5c443c9ec21036d2460\
                      b6f73ebad0dc2aba6e624abf07745bc107694bb7547bb0995f70de25d6b29e2d3011bb19d27676c07162c8b5ccde0668\
                      961df86803482cb37ed6d5c0bb8d50cf1f50d476aa0458bdaba806f48be9dcb8";
        assert_eq!(output[..], hex(wanted)[..]);
    }

    #[test]
    fn a_seed_changes_what_follows() {
        let (mut one, mut two) = (HmacDrbg::new(&[b"seed"]), HmacDrbg::new(&[b"seed"]));
        let draw = |drbg: &mut HmacDrbg| {
            let mut bytes = vec![0; REQUEST_BYTES + 5];
            drbg.fill(&mut bytes);
            bytes
        };
        assert_eq!(draw(&mut one), draw(&mut two));
        two.reseed(&[b"more"]);
        assert_ne!(draw(&mut one), draw(&mut two));
    }
}
