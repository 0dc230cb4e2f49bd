//! What tests of this room share. Keys are made once a run: RSA is slow to make.

use std::sync::OnceLock;

use super::dsa::DsaPrivateKey;
use super::rsa::{DEFAULT_EXPONENT, RsaPrivateKey, SoftwareRsa};

/// Bytes of a hexadecimal text.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// An RSA key of 2048 bits.
pub(crate) fn rsa_2048() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::generate(2048, DEFAULT_EXPONENT, SoftwareRsa::Refuse).unwrap())
}

/// An RSA key of 1024 bits, public exponent 3.
pub(crate) fn rsa_1024() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::generate(1024, 3, SoftwareRsa::Allow).unwrap())
}

/// Prime, subprime and base of a DSA group made for these tests: 2048 and 256 bits.
pub(crate) fn dsa_domain() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    const P: &str = "b4e9b4afe75f13157b01852f04f121200db5f0db3dd604401431d3a7f8505c6f11c8ba747a2a018f23be112e13ed0d28ef54\
     909bbf496fe33a121b3c5a7e723f5a5eaa0d711024a44229ae00798eb21d96fabca8853cb71e81b760062950eeb4eed16467\
     668a935097ecc40653d3822840786936e2400e5563b55129391a18e809d154de310e548f700a5e65cbeec803a2d1bd441f5b\
     97b591085d73324d18c1b516317a8ebf0e85a55efe24f23f44d3aeeacf61e8d63d4078e98bdea31696d57b0451b8cb744eea\
     4520519d60e74c0351972d7d642749cd62435eacbed0ae15eec0b0ee57b52d586ad818464fd589ad45d10259e1ea5ed92d2d\
     2e34dea11acb";
    const Q: &str = "860b5b10a70bdac9e80b95d98d225771a646695db46ebb94c14e124e26b7f58f";
    const G: &str = "4588f347eabb271ad39b55c4b97cf423e5f1bfcc8c763133e076b25b2150dd8e1e36098aed5dd6ec9319d2c1c1eea38bb3f1\
     d8251172405c85e6c742bce358e07e901bbc849de91b2813d6d5669d48418f63aeed9a3c3fe2b1ffa0186496396bc66c18c4\
     1e9ca6e1271be34bb2c242ef691b80da815e6dff8304c80a2abf956b602e66798d4b63f205c730ac19975a792f8956c380fc\
     cc6e9b868fd47a40757ab3bef7717338235e60b1113be20f052c43293ac916c26b0447850c366c63bb6eaecc633b849e5cea\
     289d44bc8fce780fb7c8dea040639324c14c73b09670557762e51d52d870a270bdd5cb342734f72a97b0781e0a47c0273883\
     35d77d76ff52";
    (hex(P), hex(Q), hex(G))
}

/// A DSA key in that group.
pub(crate) fn dsa_2048() -> &'static DsaPrivateKey {
    static KEY: OnceLock<DsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let (p, q, g) = dsa_domain();
        let mut x = [0; 31];
        aws_lc_rs::rand::fill(&mut x).unwrap();
        DsaPrivateKey::new(&p, &q, &g, &x).unwrap()
    })
}
