//! The randomness of a server with an HSM: HMAC_DRBG, seeded by the operating system and the token together, at the start
//! and then every minute by a thread of its own. So whoever knows one of the two sources knows nothing, and no request
//! waits for the token. While the token is away, the operating system alone seeds what the token had a part in.

use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use zeroize::Zeroizing;

use super::calls::Call;
use super::error::HsmError;
use super::{Fault, Hsm};
use crate::base::{Entropy, EntropyFailed, RngParameters};
use crate::crypto::drbg::HmacDrbg;
use crate::crypto::random::SystemEntropy;

/// How often the generator is seeded anew.
const RESEED: Duration = Duration::from_secs(60);
/// Bytes of each source: the entropy input and the nonce of a generator of 256 bits (SP 800-90A §8.6.7).
const SEED_BYTES: usize = 48;

type Seed = Zeroizing<[u8; SEED_BYTES]>;

/// Randomness that the operating system and an HSM make together.
pub struct HsmEntropy {
    drbg: Arc<Mutex<HmacDrbg>>,
    /// The thread, and what ends it when it is dropped.
    seeding: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Drop for HsmEntropy {
    fn drop(&mut self) {
        // The thread may be the last that has the token open, and the process must not end while it closes it.
        if let Some((stop, thread)) = self.seeding.take() {
            drop(stop);
            if thread.join().is_err() {
                tracing::error!("the thread that seeds from the HSM panicked");
            }
        }
    }
}

impl fmt::Debug for HsmEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HsmEntropy")
    }
}

impl HsmEntropy {
    /// Seeds the generator from both sources and starts the thread.
    ///
    /// # Errors
    /// Those of the token: without it there is no first seed.
    pub fn new(hsm: Arc<Hsm>) -> Result<Self, HsmError> {
        let drbg = Arc::new(Mutex::new(HmacDrbg::new(&[&*of_system()?, &*of_token(&hsm)?, b"keyhaven"])));
        let (stop, stopped) = channel();
        let shared = Arc::clone(&drbg);
        let seed = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(RESEED) {
                let Ok(system) = of_system() else { continue };
                let token = of_token(&hsm).unwrap_or_else(|error| {
                    tracing::warn!(%error, "the HSM gave no randomness; the operating system alone seeds for now");
                    Zeroizing::new([0; SEED_BYTES])
                });
                shared.lock().unwrap_or_else(PoisonError::into_inner).reseed(&[&*system, &*token]);
            }
        };
        let thread = Builder::new().name("hsm-seed".into()).spawn(seed);
        let thread = thread.map_err(|error| HsmError::Configuration(format!("cannot start a thread: {error}")))?;
        Ok(Self { drbg, seeding: Some((stop, thread)) })
    }
}

impl Entropy for HsmEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
        self.drbg.lock().unwrap_or_else(PoisonError::into_inner).fill(buffer);
        Ok(())
    }

    fn parameters(&self) -> RngParameters {
        RngParameters::HMAC_DRBG
    }
}

fn of_system() -> Result<Seed, HsmError> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    let filled = SystemEntropy.fill(&mut *seed);
    filled.map_err(|error| HsmError::Unavailable(error.to_string()))?;
    Ok(seed)
}

/// A token without a generator of its own adds nothing.
fn of_token(hsm: &Hsm) -> Result<Seed, HsmError> {
    let drawn = hsm.call("random bytes", |desk| {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        desk.call(Call::Random, |session| session.generate_random_slice(&mut *seed))?;
        Ok::<_, Fault>(seed)
    });
    match drawn {
        Err(HsmError::Refused(_) | HsmError::Lacks(_)) => Ok(Zeroizing::new([0; SEED_BYTES])),
        other => other,
    }
}
