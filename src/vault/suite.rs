//! What every vault passes: keys are made, used, wrapped and destroyed, and what comes out is what the algorithms of
//! `crypto` make of it.

use super::{Cipher, KeyId, KeyVault, KeyWrap, Output, ResidentKind, ResidentSpec, Signature, Task, VaultError};
use crate::base::KeyBytes;
use crate::crypto::ec::{EcCurve, EcPrivateKey, signature_der};
use crate::crypto::keys::{Input, PublicKey};
use crate::crypto::mac::{self, MacAlgorithm};
use crate::crypto::operations::AsymmetricParameters;
use crate::crypto::rsa::{RsaEncryption, RsaSignature};
use crate::crypto::symmetric::{self, BareCipher, Parameters};
use crate::crypto::wrap;
use crate::registry::{BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm};

const SHA_256: HashingAlgorithm = HashingAlgorithm::SHA_256;

/// A key that both sides know.
const KEY: [u8; 32] = [0x42; 32];

/// A cipher, the same for `symmetric` with IV and additional data, and lengths of data to try.
type CipherCase<'a> = (BareCipher, Parameters, Option<&'a [u8]>, &'a [u8], &'a [usize]);

struct Suite<'a> {
    vault: &'a dyn KeyVault,
    made: u8,
    lacking: Vec<&'static str>,
}

/// Runs the suite; gives what the vault says it does not do.
pub(super) fn run(vault: &dyn KeyVault) -> Vec<&'static str> {
    let mut suite = Suite { vault, made: 0, lacking: Vec::new() };
    assert!(vault.offers_keys());
    suite.ciphers();
    suite.macs();
    suite.rsa();
    suite.curves();
    suite.wrapping();
    suite.ends();
    suite.lacking
}

impl Suite<'_> {
    fn own(&mut self) -> [u8; 16] {
        self.made += 1;
        [self.made; 16]
    }

    fn make(&mut self, kind: ResidentKind, wrappable: bool) -> (KeyId, Option<PublicKey>) {
        let own = self.own();
        let made = self.vault.generate(own, ResidentSpec { kind, wrappable }).unwrap();
        let again = self.vault.generate(own, ResidentSpec { kind, wrappable }).unwrap();
        assert_eq!(made.id, again.id, "a repeated call finds the key");
        (made.id, made.public)
    }

    fn bring(&mut self, kind: ResidentKind, key: &[u8]) -> KeyId {
        let own = self.own();
        self.vault.import(own, ResidentSpec { kind, wrappable: false }, &KeyBytes::copy_from(key)).unwrap()
    }

    /// The bytes of a task; None if the vault does not do it, which is noted.
    fn bytes(&mut self, key: &KeyId, task: Task<'_>) -> Option<Vec<u8>> {
        match self.vault.perform(key, task) {
            Ok(Output::Bytes(bytes)) => Some(bytes.expose().to_vec()),
            Err(VaultError::NotSupported(what)) => {
                if !self.lacking.contains(&what) {
                    self.lacking.push(what);
                }
                None
            }
            other => panic!("{task:?}: {other:?}"),
        }
    }

    fn ciphers(&mut self) {
        let key = self.bring(ResidentKind::Aes(256), &KEY);
        let of = |mode| Parameters::with_mode(CryptographicAlgorithm::AES, mode);
        let gcm = |length| Parameters { tag_length: Some(length), ..of(BlockCipherMode::GCM) };
        let gcm_cipher = |tag_bytes| BareCipher::Gcm { iv: vec![9; 12], additional: b"aad".to_vec(), tag_bytes };
        let block = [9; 16];
        let cases: [CipherCase<'_>; 7] = [
            (BareCipher::Ecb, of(BlockCipherMode::ECB), None, b"", &[16, 64]),
            (BareCipher::Cbc(block), of(BlockCipherMode::CBC), Some(&block), b"", &[16, 64]),
            (BareCipher::Ctr(block, 128), of(BlockCipherMode::CTR), Some(&block), b"", &[1, 16, 33]),
            (gcm_cipher(16), gcm(16), Some(&[9; 12]), b"aad", &[0, 1, 33]),
            (gcm_cipher(12), gcm(12), Some(&[9; 12]), b"aad", &[33]),
            (BareCipher::KeyWrap, of(BlockCipherMode::NISTKeyWrap), None, b"", &[16, 32, 40]),
            (BareCipher::KeyWrapPad, of(BlockCipherMode::AESKeyWrapPadding), None, b"", &[16, 32, 40, 33]),
        ];
        for (cipher, parameters, iv, additional, lengths) in cases {
            let cipher = Cipher::Aes(cipher);
            for length in lengths {
                let data = vec![0x5A; *length];
                let Some(given) = self.bytes(&key, Task::Encrypt(&cipher, &data)) else { continue };
                let entropy = crate::crypto::random::SystemEntropy;
                let wanted = symmetric::encrypt(&parameters, &KEY, iv, additional, &data, &entropy).unwrap();
                let wanted = [&*wanted.data, &wanted.tag.unwrap_or_default()].concat();
                assert_eq!(given, wanted, "{cipher:?} {length}");
                assert_eq!(self.bytes(&key, Task::Decrypt(&cipher, &given)), Some(data), "{cipher:?} {length}");
            }
        }
        let cipher = Cipher::Aes(gcm_cipher(16));
        let mut cut = self.bytes(&key, Task::Encrypt(&cipher, b"plain")).unwrap();
        cut[0] ^= 1;
        let forged = self.vault.perform(&key, Task::Decrypt(&cipher, &cut));
        assert!(matches!(forged, Err(VaultError::Hsm(_))), "{forged:?}");
    }

    fn macs(&mut self) {
        let hashes = [HashingAlgorithm::SHA_1, HashingAlgorithm::SHA_224, SHA_256, HashingAlgorithm::SHA_512];
        let key = self.bring(ResidentKind::Hmac(512), &[0x42; 64]);
        for hash in hashes {
            let algorithm = MacAlgorithm::Hmac(hash);
            let given = self.bytes(&key, Task::Mac(algorithm, b"data"));
            assert_eq!(given, Some(mac::mac(algorithm, &[0x42; 64], b"data").unwrap()), "{hash}");
        }
        let key = self.bring(ResidentKind::Aes(256), &KEY);
        let cmac = MacAlgorithm::Cmac(CryptographicAlgorithm::AES);
        for data in [&b""[..], b"data", &[7; 100]] {
            assert_eq!(self.bytes(&key, Task::Mac(cmac, data)), Some(mac::mac(cmac, &KEY, data).unwrap()));
        }
    }

    fn rsa(&mut self) {
        let (key, public) = self.make(ResidentKind::Rsa(2048), false);
        let Some(PublicKey::Rsa(public)) = public else { panic!("{public:?}") };
        let digest = [7; 32];
        let signatures = [
            (Signature::RsaPkcs1(SHA_256), RsaSignature::Pkcs1v15 { hash: SHA_256 }),
            (
                Signature::RsaPss { hash: SHA_256, mask_hash: SHA_256, salt_bytes: 32 },
                RsaSignature::Pss { hash: SHA_256, mask_hash: SHA_256, salt_length: Some(32) },
            ),
            (
                Signature::RsaPss { hash: SHA_256, mask_hash: SHA_256, salt_bytes: 20 },
                RsaSignature::Pss { hash: SHA_256, mask_hash: SHA_256, salt_length: Some(20) },
            ),
        ];
        for (signature, scheme) in signatures {
            let value = self.bytes(&key, Task::Sign(signature, &digest)).unwrap();
            assert!(public.verify(scheme, Input::Digest(&digest), &value).unwrap(), "{signature:?}");
            let valid = |digest: &[u8]| self.vault.perform(&key, Task::Verify(signature, digest, &value));
            assert!(matches!(valid(&digest), Ok(Output::Valid(true))), "{signature:?}");
            assert!(matches!(valid(&[8; 32]), Ok(Output::Valid(false))), "{signature:?}");
        }
        let sha_1 = HashingAlgorithm::SHA_1;
        let oaep = |hash| Cipher::RsaOaep { hash, mask_hash: hash, label: Vec::new() };
        for (cipher, scheme) in [
            (Cipher::RsaPkcs1, RsaEncryption::Pkcs1v15),
            (oaep(sha_1), RsaEncryption::Oaep { hash: sha_1, mask_hash: sha_1, label: b"" }),
            (oaep(SHA_256), RsaEncryption::Oaep { hash: SHA_256, mask_hash: SHA_256, label: b"" }),
        ] {
            let cut = public.encrypt(scheme, b"secret").unwrap();
            let plain = self.bytes(&key, Task::Decrypt(&cipher, &cut));
            assert!(plain.is_none_or(|plain| plain == b"secret"), "{cipher:?}");
        }
    }

    fn curves(&mut self) {
        for curve in [EcCurve::P256, EcCurve::P384, EcCurve::P521] {
            let (key, public) = self.make(ResidentKind::Ec(curve), false);
            let Some(PublicKey::Ec(public)) = public else { panic!("{public:?}") };
            let digest = [7; 32];
            let value = self.bytes(&key, Task::Sign(Signature::Ecdsa, &digest)).unwrap();
            let der = signature_der(curve, &value).unwrap();
            assert!(public.verify(SHA_256, Input::Digest(&digest), &der).unwrap(), "{curve:?}");
            let peer = EcPrivateKey::generate(curve).unwrap();
            let secret = self.bytes(&key, Task::Agree(peer.public())).unwrap();
            assert_eq!(secret, peer.agree(&public).unwrap().expose(), "{curve:?}");
        }
        let own = self.own();
        match self.vault.generate(own, ResidentSpec { kind: ResidentKind::Ed25519, wrappable: false }) {
            Ok(made) => {
                let public = made.public.unwrap();
                let value = self.bytes(&made.id, Task::Sign(Signature::Ed25519, b"message")).unwrap();
                let parameters = AsymmetricParameters::default();
                assert!(public.verify(&parameters, Input::Message(b"message"), &value).unwrap());
            }
            Err(VaultError::NotSupported(what)) => self.lacking.push(what),
            other => panic!("{other:?}"),
        }
    }

    fn wrapping(&mut self) {
        let kek = self.bring(ResidentKind::Aes(256), &KEY);
        for (way, kind) in [
            (KeyWrap::Padded, ResidentKind::Aes(256)),
            (KeyWrap::Plain, ResidentKind::Aes(128)),
            (KeyWrap::Padded, ResidentKind::Hmac(512)),
        ] {
            let (carried, _) = self.make(kind, true);
            let wrapped = self.bytes(&kek, Task::Wrap(way, &carried)).unwrap();
            let plain = match way {
                KeyWrap::Plain => wrap::nist_unwrap(&KEY, &wrapped).unwrap(),
                KeyWrap::Padded => wrap::nist_unwrap_padded(&KEY, &wrapped).unwrap(),
            };
            let task = Task::Mac(MacAlgorithm::Hmac(SHA_256), b"data");
            let ecb = Cipher::Aes(BareCipher::Ecb);
            let task = if matches!(kind, ResidentKind::Hmac(_)) { task } else { Task::Encrypt(&ecb, &KEY) };
            let before = self.bytes(&carried, task);
            let own = self.own();
            let back =
                self.vault.perform(&kek, Task::Unwrap(way, own, ResidentSpec { kind, wrappable: false }, &wrapped));
            let Ok(Output::Key(back)) = back else { panic!("{way:?} {kind:?}: {back:?}") };
            assert_eq!(self.bytes(&back, task), before, "{way:?} {kind:?} {}", plain.len());
            assert!(self.vault.perform(&kek, Task::Wrap(way, &back)).is_err(), "it is not extractable");
            let own = self.own();
            let spec = ResidentSpec { kind, wrappable: false };
            assert!(self.vault.perform(&kek, Task::Unwrap(way, own, spec, &[1; 40])).is_err());
        }
    }

    fn ends(&mut self) {
        let listed = self.vault.list().unwrap();
        assert!(listed.len() > 10, "{listed:?}");
        for id in &listed {
            self.vault.erase(id).unwrap();
            self.vault.erase(id).unwrap();
        }
        assert!(self.vault.list().unwrap().is_empty());
        let gone = self.vault.perform(&listed[0], Task::Encrypt(&Cipher::Aes(BareCipher::Ecb), &KEY));
        assert!(gone.is_err());
    }
}
