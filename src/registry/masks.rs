//! The bit masks of KMIP (specification 1.4 §9.1.3.3, 2.1 §12): one row a bit. On the wire a mask is an Integer.

use super::table::masks;

masks! {
    /// Cryptographic Usage Mask.
    CryptographicUsageMask "Cryptographic Usage Mask" {
        0x01 Sign "Sign" in V1_0;
        0x02 Verify "Verify" in V1_0;
        0x04 Encrypt "Encrypt" in V1_0;
        0x08 Decrypt "Decrypt" in V1_0;
        0x10 WrapKey "Wrap Key" in V1_0;
        0x20 UnwrapKey "Unwrap Key" in V1_0;
        0x40 Export "Export" in V1_0, until V1_4;
        0x80 MACGenerate "MAC Generate" in V1_0;
        0x100 MACVerify "MAC Verify" in V1_0;
        0x200 DeriveKey "Derive Key" in V1_0;
        0x400 ContentCommitmentNonRepudiation "Content Commitment (Non Repudiation)" in V1_0, until V1_4;
        also 0x400 ContentCommitment;
        0x800 KeyAgreement "Key Agreement" in V1_0;
        0x1000 CertificateSign "Certificate Sign" in V1_0;
        0x2000 CRLSign "CRL Sign" in V1_0;
        0x4000 GenerateCryptogram "Generate Cryptogram" in V1_0, until V1_4;
        0x8000 ValidateCryptogram "Validate Cryptogram" in V1_0, until V1_4;
        0x10000 TranslateEncrypt "Translate Encrypt" in V1_0, until V1_4;
        0x20000 TranslateDecrypt "Translate Decrypt" in V1_0, until V1_4;
        0x40000 TranslateWrap "Translate Wrap" in V1_0, until V1_4;
        0x80000 TranslateUnwrap "Translate Unwrap" in V1_0, until V1_4;
        0x100000 Authenticate "Authenticate" in V2_0;
        0x200000 Unrestricted "Unrestricted" in V2_0;
        0x400000 FPEEncrypt "FPE Encrypt" in V2_0;
        0x800000 FPEDecrypt "FPE Decrypt" in V2_0;
    }
    /// Protection Storage Mask.
    ProtectionStorageMask "Protection Storage Mask" {
        0x01 Software "Software" in V2_0;
        0x02 Hardware "Hardware" in V2_0;
        0x04 OnProcessor "On Processor" in V2_0;
        0x08 OnSystem "On System" in V2_0;
        0x10 OffSystem "Off System" in V2_0;
        0x20 Hypervisor "Hypervisor" in V2_0;
        0x40 OperatingSystem "Operating System" in V2_0;
        0x80 Container "Container" in V2_0;
        0x100 OnPremises "On Premises" in V2_0;
        0x200 OffPremises "Off Premises" in V2_0;
        0x400 SelfManaged "Self Managed" in V2_0;
        0x800 Outsourced "Outsourced" in V2_0;
        0x1000 Validated "Validated" in V2_0;
        0x2000 SameJurisdiction "Same Jurisdiction" in V2_0;
    }
    /// Storage Status Mask.
    StorageStatusMask "Storage Status Mask" {
        0x01 OnLineStorage "On-line storage" in V1_0;
        0x02 ArchivalStorage "Archival storage" in V1_0;
        0x04 DestroyedStorage "Destroyed storage" in V2_0;
    }
}
