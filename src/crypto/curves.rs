//! Prime curves by the RustCrypto crates: points of every curve, and all work on those that aws-lc-rs lacks. The field
//! arithmetic of these crates does not branch on secrets.

use ecdsa::elliptic_curve::sec1::ToSec1Point;
use ecdsa::elliptic_curve::{PublicKey, SecretKey, ecdh};
use ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};

use crate::base::KeyBytes;

/// Point, digest and signature in DER; None if it is not right.
type Verify = fn(&[u8], &[u8], &[u8]) -> Option<()>;

/// The functions of one curve. None means that a number or point is not of the curve. Private numbers are as long as a
/// coordinate; points are in SEC1 form.
pub(super) struct Library {
    /// The point, compressed or not, as an uncompressed one.
    pub point: fn(&[u8]) -> Option<Box<[u8]>>,
    /// The point of a private number, uncompressed.
    pub public: fn(&[u8]) -> Option<Box<[u8]>>,
    /// Private number and digest; a signature in DER with the nonce of RFC 6979.
    pub sign: fn(&[u8], &[u8]) -> Option<Vec<u8>>,
    /// Whether the signature is right.
    pub verify: Verify,
    /// Private number and point of the peer; the x coordinate of their product.
    pub agree: fn(&[u8], &[u8]) -> Option<KeyBytes>,
}

macro_rules! libraries {
    ($($name:ident $curve:ty;)*) => {$(
        pub(super) const $name: Library = Library {
            point: |point| Some(uncompressed(&PublicKey::<$curve>::from_sec1_bytes(point).ok()?)),
            public: |d| Some(uncompressed(&SecretKey::<$curve>::from_slice(d).ok()?.public_key())),
            sign: |d, digest| {
                let key = ecdsa::SigningKey::<$curve>::from_slice(d).ok()?;
                let signature: ecdsa::der::Signature<$curve> = key.sign_prehash(digest).ok()?;
                Some(signature.as_bytes().to_vec())
            },
            verify: |point, digest, signature| {
                let key = ecdsa::VerifyingKey::<$curve>::from_sec1_bytes(point).ok()?;
                key.verify_prehash(digest, &ecdsa::der::Signature::<$curve>::try_from(signature).ok()?).ok()
            },
            agree: |d, peer| {
                let own = SecretKey::<$curve>::from_slice(d).ok()?;
                let peer = PublicKey::<$curve>::from_sec1_bytes(peer).ok()?;
                let shared = ecdh::diffie_hellman(own.to_nonzero_scalar(), peer.as_affine());
                Some(KeyBytes::copy_from(shared.raw_secret_bytes()))
            },
        };
    )*};
}

libraries! {
    P224 p224::NistP224;
    P256 p256::NistP256;
    P384 p384::NistP384;
    P521 p521::NistP521;
    SECP256K1 k256::Secp256k1;
    BRAINPOOL_P256R1 bp256::BrainpoolP256r1;
    BRAINPOOL_P384R1 bp384::BrainpoolP384r1;
}

fn uncompressed<K: ToSec1Point<C>, C>(key: &K) -> Box<[u8]>
where
    C: ecdsa::elliptic_curve::Curve,
    ecdsa::elliptic_curve::FieldBytesSize<C>: ecdsa::elliptic_curve::sec1::ModulusSize,
{
    key.to_sec1_point(false).as_bytes().into()
}
