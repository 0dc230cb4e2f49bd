//! Key Usage of a certificate and Cryptographic Usage Mask of its object (1.4 §3.19, table 96).

use crate::crypto::keys::PublicKey;
use crate::crypto::x509::KeyUsage;
use crate::registry::CryptographicUsageMask as Mask;

/// Each Key Usage value, the bits that mean it in a mask, and the one of the public half. Encipher Only and Decipher
/// Only restrict a key agreement, which no mask says; they are never made.
const ROWS: [(u16, u32, Mask); 7] = [
    (KeyUsage::DIGITAL_SIGNATURE, Mask::Sign.0 | Mask::Verify.0, Mask::Verify),
    (KeyUsage::CONTENT_COMMITMENT, Mask::ContentCommitmentNonRepudiation.0, Mask::ContentCommitmentNonRepudiation),
    (KeyUsage::KEY_ENCIPHERMENT, Mask::WrapKey.0 | Mask::UnwrapKey.0, Mask::WrapKey),
    (KeyUsage::DATA_ENCIPHERMENT, Mask::Encrypt.0 | Mask::Decrypt.0, Mask::Encrypt),
    (KeyUsage::KEY_AGREEMENT, Mask::KeyAgreement.0, Mask::KeyAgreement),
    (KeyUsage::KEY_CERT_SIGN, Mask::CertificateSign.0, Mask::CertificateSign),
    (KeyUsage::CRL_SIGN, Mask::CRLSign.0, Mask::CRLSign),
];

/// What only a certification authority may do.
pub const AUTHORITY: u16 = KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN;

/// The Key Usage that a mask means.
pub fn of_mask(mask: Mask) -> u16 {
    ROWS.iter().filter(|row| row.1 & mask.0 != 0).fold(0, |usage, row| usage | row.0)
}

/// The mask of a certificate with this Key Usage.
pub fn to_mask(usage: u16) -> Mask {
    Mask(ROWS.iter().filter(|row| row.0 & usage != 0).fold(0, |mask, row| mask | row.2.0))
}

/// The part of a Key Usage that keys of this kind can have (RFC 8813 §3, RFC 8410 §5, RFC 9881 §5, RFC 9935 §5; RFC 9909).
pub fn suited(usage: u16, key: Option<&PublicKey>) -> u16 {
    const SIGNS: u16 = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::CONTENT_COMMITMENT | AUTHORITY;
    usage
        & match key {
            Some(PublicKey::Ec(_)) => SIGNS | KeyUsage::KEY_AGREEMENT,
            Some(PublicKey::Ed25519(_) | PublicKey::Dsa(_) | PublicKey::MlDsa(_) | PublicKey::SlhDsa(_)) => SIGNS,
            Some(PublicKey::X25519(_) | PublicKey::Dh(_)) => KeyUsage::KEY_AGREEMENT,
            Some(PublicKey::MlKem(_)) => KeyUsage::KEY_ENCIPHERMENT,
            Some(PublicKey::Rsa(_)) | None => u16::MAX,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_key_usage_are_table_96() {
        let table = [
            (Mask(Mask::Sign.0), KeyUsage::DIGITAL_SIGNATURE, Mask::Verify),
            (Mask(Mask::Verify.0 | Mask::Encrypt.0), 0b1001, Mask(Mask::Verify.0 | Mask::Encrypt.0)),
            (Mask(Mask::UnwrapKey.0 | Mask::Decrypt.0), 0b1100, Mask(Mask::WrapKey.0 | Mask::Encrypt.0)),
            (Mask(Mask::CertificateSign.0 | Mask::CRLSign.0), AUTHORITY, Mask(0x3000)),
            (Mask(Mask::DeriveKey.0 | Mask::MACVerify.0), 0, Mask(0)),
        ];
        for (mask, usage, certificate) in table {
            assert_eq!(of_mask(mask), usage, "{mask:?}");
            assert_eq!(to_mask(usage), certificate, "{mask:?}");
        }
    }
}
