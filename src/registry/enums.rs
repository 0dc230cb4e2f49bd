//! The enumerations of KMIP 1.0 to 3.0 (specification 1.4 §9.1.3.2, 2.1 §11): one row a value. A value that a
//! reader does not know is still a value: each enumeration is a newtype over the number on the wire.

use super::table::enums;

enums! {
    /// Adjustment Type.
    AdjustmentType "Adjustment Type" {
        0x01 Increment "Increment" in V2_0;
        0x02 Decrement "Decrement" in V2_0;
        0x03 Negate "Negate" in V2_0;
    }
    /// Alternative Name Type.
    AlternativeNameType "Alternative Name Type" {
        0x01 UninterpretedTextString "Uninterpreted Text String" in V1_2;
        0x02 URI "URI" in V1_2;
        0x03 ObjectSerialNumber "Object Serial Number" in V1_2;
        0x04 EmailAddress "Email Address" in V1_2;
        0x05 DNSName "DNS Name" in V1_2;
        0x06 X_500DistinguishedName "X.500 Distinguished Name" in V1_2;
        0x07 IPAddress "IP Address" in V1_2;
    }
    /// Asynchronous Indicator.
    AsynchronousIndicator "Asynchronous Indicator" {
        0x01 Mandatory "Mandatory" in V2_0;
        0x02 Optional "Optional" in V2_0;
        0x03 Prohibited "Prohibited" in V2_0;
    }
    /// Attestation Type.
    AttestationType "Attestation Type" {
        0x01 TPMQuote "TPM Quote" in V1_2;
        0x02 TCGIntegrityReport "TCG Integrity Report" in V1_2;
        0x03 SAMLAssertion "SAML Assertion" in V1_2;
    }
    /// Batch Error Continuation Option.
    BatchErrorContinuationOption "Batch Error Continuation Option" {
        0x01 Continue "Continue" in V1_0;
        0x02 Stop "Stop" in V1_0;
        0x03 Undo "Undo" in V1_0;
    }
    /// Block Cipher Mode.
    BlockCipherMode "Block Cipher Mode" {
        0x01 CBC "CBC" in V1_0;
        0x02 ECB "ECB" in V1_0;
        0x03 PCBC "PCBC" in V1_0;
        0x04 CFB "CFB" in V1_0;
        0x05 OFB "OFB" in V1_0;
        0x06 CTR "CTR" in V1_0;
        0x07 CMAC "CMAC" in V1_0;
        0x08 CCM "CCM" in V1_0;
        0x09 GCM "GCM" in V1_0;
        0x0A CBC_MAC "CBC-MAC" in V1_0;
        0x0B XTS "XTS" in V1_0;
        0x0C AESKeyWrapPadding "AESKeyWrapPadding" in V1_0;
        0x0D NISTKeyWrap "NISTKeyWrap" in V1_0;
        0x0E X9_102AESKW "X9.102 AESKW" in V1_0;
        0x0F X9_102TDKW "X9.102 TDKW" in V1_0;
        0x10 X9_102AKW1 "X9.102 AKW1" in V1_0;
        0x11 X9_102AKW2 "X9.102 AKW2" in V1_0;
        0x12 AEAD "AEAD" in V1_4;
    }
    /// Cancellation Result.
    CancellationResult "Cancellation Result" {
        0x01 Canceled "Canceled" in V1_0;
        0x02 UnableToCancel "Unable to Cancel" in V1_0;
        0x03 Completed "Completed" in V1_0;
        0x04 Failed "Failed" in V1_0;
        0x05 Unavailable "Unavailable" in V1_0;
    }
    /// Certificate Request Type.
    CertificateRequestType "Certificate Request Type" {
        0x01 CRMF "CRMF" in V1_0;
        0x02 PKCS_10 "PKCS#10" in V1_0;
        0x03 PEM "PEM" in V1_0;
        0x04 PGP "PGP" in V1_0, until V1_4;
    }
    /// Certificate Type.
    CertificateType "Certificate Type" {
        0x01 X_509 "X.509" in V1_0;
        0x02 PGP "PGP" in V1_0;
    }
    /// Client Registration Method.
    ClientRegistrationMethod "Client Registration Method" {
        0x01 Unspecified "Unspecified" in V1_3;
        0x02 ServerPreGenerated "Server Pre-Generated" in V1_3;
        0x03 ServerOnDemand "Server On-Demand" in V1_3;
        0x04 ClientGenerated "Client Generated" in V1_3;
        0x05 ClientRegistered "Client Registered" in V1_3;
    }
    /// Credential Type.
    CredentialType "Credential Type" {
        0x01 UsernameAndPassword "Username and Password" in V1_0;
        0x02 Device "Device" in V1_1;
        0x03 Attestation "Attestation" in V1_2;
        0x04 OneTimePassword "One Time Password" in V2_0;
        0x05 HashedPassword "Hashed Password" in V2_0;
        0x06 Ticket "Ticket" in V2_0;
        0x07 Password "Password" in V3_0;
        0x08 Certificate "Certificate" in V3_0;
    }
    /// Cryptographic Algorithm.
    CryptographicAlgorithm "Cryptographic Algorithm" {
        0x01 DES "DES" in V1_0;
        0x02 DES3 "3DES" in V1_0;
        0x03 AES "AES" in V1_0;
        0x04 RSA "RSA" in V1_0;
        0x05 DSA "DSA" in V1_0;
        0x06 ECDSA "ECDSA" in V1_0;
        0x07 HMAC_SHA1 "HMAC-SHA1" in V1_0;
        0x08 HMAC_SHA224 "HMAC-SHA224" in V1_0;
        0x09 HMAC_SHA256 "HMAC-SHA256" in V1_0;
        0x0A HMAC_SHA384 "HMAC-SHA384" in V1_0;
        0x0B HMAC_SHA512 "HMAC-SHA512" in V1_0;
        0x0C HMAC_MD5 "HMAC-MD5" in V1_0;
        0x0D DH "DH" in V1_0;
        0x0E ECDH "ECDH" in V1_0;
        0x0F ECMQV "ECMQV" in V1_0;
        0x10 Blowfish "Blowfish" in V1_0;
        0x11 Camellia "Camellia" in V1_0;
        0x12 CAST5 "CAST5" in V1_0;
        0x13 IDEA "IDEA" in V1_0;
        0x14 MARS "MARS" in V1_0;
        0x15 RC2 "RC2" in V1_0;
        0x16 RC4 "RC4" in V1_0;
        0x17 RC5 "RC5" in V1_0;
        0x18 SKIPJACK "SKIPJACK" in V1_0;
        0x19 Twofish "Twofish" in V1_0;
        0x1A EC "EC" in V1_2;
        0x1B OneTimePad "One Time Pad" in V1_3;
        0x1C ChaCha20 "ChaCha20" in V1_4;
        0x1D Poly1305 "Poly1305" in V1_4;
        0x1E ChaCha20Poly1305 "ChaCha20Poly1305" in V1_4;
        0x1F SHA3_224 "SHA3-224" in V1_4;
        0x20 SHA3_256 "SHA3-256" in V1_4;
        0x21 SHA3_384 "SHA3-384" in V1_4;
        0x22 SHA3_512 "SHA3-512" in V1_4;
        0x23 HMAC_SHA3_224 "HMAC-SHA3-224" in V1_4;
        0x24 HMAC_SHA3_256 "HMAC-SHA3-256" in V1_4;
        0x25 HMAC_SHA3_384 "HMAC-SHA3-384" in V1_4;
        0x26 HMAC_SHA3_512 "HMAC-SHA3-512" in V1_4;
        0x27 SHAKE_128 "SHAKE-128" in V1_4;
        0x28 SHAKE_256 "SHAKE-256" in V1_4;
        0x29 ARIA "ARIA" in V2_0;
        0x2A SEED "SEED" in V2_0;
        0x2B SM2 "SM2" in V2_0;
        0x2C SM3 "SM3" in V2_0;
        0x2D SM4 "SM4" in V2_0;
        0x2E GOSTR34_10_2012 "GOST R 34.10-2012" in V2_0;
        0x2F GOSTR34_11_2012 "GOST R 34.11-2012" in V2_0;
        0x30 GOSTR34_13_2015 "GOST R 34.13-2015" in V2_0;
        0x31 GOST28147_89 "GOST 28147-89" in V2_0;
        0x32 XMSS "XMSS" in V2_0;
        0x33 SPHINCS_256 "SPHINCS-256" in V2_0;
        0x34 McEliece "McEliece" in V2_0;
        0x35 McEliece_6960119 "McEliece-6960119" in V2_0;
        0x36 McEliece_8192128 "McEliece-8192128" in V2_0;
        0x37 Ed25519 "Ed25519" in V2_0;
        0x38 Ed448 "Ed448" in V2_0;
        0x39 ML_KEM_512 "ML-KEM-512" in V3_0;
        0x3A ML_KEM_768 "ML-KEM-768" in V3_0;
        0x3B ML_KEM_1024 "ML-KEM-1024" in V3_0;
        0x3C ML_DSA_44 "ML-DSA-44" in V3_0;
        0x3D ML_DSA_65 "ML-DSA-65" in V3_0;
        0x3E ML_DSA_87 "ML-DSA-87" in V3_0;
        0x3F SLH_DSA_SHA2_128s "SLH-DSA-SHA2-128s" in V3_0;
        0x40 SLH_DSA_SHA2_128f "SLH-DSA-SHA2-128f" in V3_0;
        0x41 SLH_DSA_SHA2_192s "SLH-DSA-SHA2-192s" in V3_0;
        0x42 SLH_DSA_SHA2_192f "SLH-DSA-SHA2-192f" in V3_0;
        0x43 SLH_DSA_SHA2_256s "SLH-DSA-SHA2-256s" in V3_0;
        0x44 SLH_DSA_SHA2_256f "SLH-DSA-SHA2-256f" in V3_0;
        0x45 SLH_DSA_SHAKE_128s "SLH-DSA-SHAKE-128s" in V3_0;
        0x46 SLH_DSA_SHAKE_128f "SLH-DSA-SHAKE-128f" in V3_0;
        0x47 SLH_DSA_SHAKE_192s "SLH-DSA-SHAKE-192s" in V3_0;
        0x48 SLH_DSA_SHAKE_192f "SLH-DSA-SHAKE-192f" in V3_0;
        0x49 SLH_DSA_SHAKE_256s "SLH-DSA-SHAKE-256s" in V3_0;
        0x4A SLH_DSA_SHAKE_256f "SLH-DSA-SHAKE-256f" in V3_0;
        0x5A X25519 "X25519" in V3_0;
        0x5B X448 "X448" in V3_0;
        0x5C X25519MLKEM768 "X25519MLKEM768" in V3_0;
        0x5D SECP256R1MLKEM768 "SECP256R1MLKEM768" in V3_0;
    }
    /// DRBG Algorithm.
    DRBGAlgorithm "DRBG Algorithm" {
        0x01 Unspecified "Unspecified" in V1_3;
        0x02 Dual_EC "Dual-EC" in V1_3;
        0x03 Hash "Hash" in V1_3;
        0x04 HMAC "HMAC" in V1_3;
        0x05 CTR "CTR" in V1_3;
    }
    /// Data.
    Data "Data" {
        0x01 Decrypt "Decrypt" in V2_0;
        0x02 Encrypt "Encrypt" in V2_0;
        0x03 Hash "Hash" in V2_0;
        0x04 MACMACData "MAC MAC Data" in V2_0;
        0x05 RNGRetrieve "RNG Retrieve" in V2_0;
        0x06 SignSignatureData "Sign Signature Data" in V2_0;
        0x07 SignatureVerify "Signature Verify" in V2_0;
    }
    /// Deactivation Reason Code.
    DeactivationReasonCode "Deactivation Reason Code" {
        0x01 Unspecified "Unspecified" in V3_0;
        0x02 DeactivationDate "Deactivation Date" in V3_0;
        0x03 ProtectStopDate "Protect Stop Date" in V3_0;
        0x04 UsageLimit "Usage Limit" in V3_0;
    }
    /// Derivation Method.
    DerivationMethod "Derivation Method" {
        0x01 PBKDF2 "PBKDF2" in V1_0;
        0x02 HASH "HASH" in V1_0;
        0x03 HMAC "HMAC" in V1_0;
        0x04 ENCRYPT "ENCRYPT" in V1_0;
        0x05 NIST800_108_C "NIST800-108-C" in V1_0;
        0x06 NIST800_108_F "NIST800-108-F" in V1_0;
        0x07 NIST800_108_DPI "NIST800-108-DPI" in V1_0;
        0x08 AsymmetricKey "Asymmetric Key" in V1_4;
        0x09 AWSSignatureVersion4 "AWS Signature Version 4" in V2_0;
        0x0A HKDF "HKDF" in V2_0;
    }
    /// Destroy Action.
    DestroyAction "Destroy Action" {
        0x01 Unspecified "Unspecified" in V1_3;
        0x02 KeyMaterialDeleted "Key Material Deleted" in V1_3;
        0x03 KeyMaterialShredded "Key Material Shredded" in V1_3;
        0x04 MetaDataDeleted "Meta Data Deleted" in V1_3;
        0x05 MetaDataShredded "Meta Data Shredded" in V1_3;
        0x06 Deleted "Deleted" in V1_3;
        0x07 Shredded "Shredded" in V1_3;
    }
    /// Digital Signature Algorithm.
    DigitalSignatureAlgorithm "Digital Signature Algorithm" {
        0x01 MD2WithRSAEncryption "MD2 with RSA Encryption" in V1_1;
        also 0x01 MD2WithRSAEncryptionPKCS_1V1_5;
        0x02 MD5WithRSAEncryption "MD5 with RSA Encryption" in V1_1;
        also 0x02 MD5WithRSAEncryptionPKCS_1V1_5;
        0x03 SHA_1WithRSAEncryption "SHA-1 with RSA Encryption" in V1_1;
        also 0x03 SHA_1WithRSAEncryptionPKCS_1V1_5;
        0x04 SHA_224WithRSAEncryption "SHA-224 with RSA Encryption" in V1_1;
        also 0x04 SHA_224WithRSAEncryptionPKCS_1V1_5;
        0x05 SHA_256WithRSAEncryption "SHA-256 with RSA Encryption" in V1_1;
        also 0x05 SHA_256WithRSAEncryptionPKCS_1V1_5;
        0x06 SHA_384WithRSAEncryption "SHA-384 with RSA Encryption" in V1_1;
        also 0x06 SHA_384WithRSAEncryptionPKCS_1V1_5;
        0x07 SHA_512WithRSAEncryption "SHA-512 with RSA Encryption" in V1_1;
        also 0x07 SHA_512WithRSAEncryptionPKCS_1V1_5;
        0x08 RSASSA_PSS "RSASSA-PSS" in V1_1;
        also 0x08 RSASSA_PSSPKCS_1V2_1;
        0x09 DSAWithSHA_1 "DSA with SHA-1" in V1_1;
        0x0A DSAWithSHA224 "DSA with SHA224" in V1_1;
        0x0B DSAWithSHA256 "DSA with SHA256" in V1_1;
        0x0C ECDSAWithSHA_1 "ECDSA with SHA-1" in V1_1;
        0x0D ECDSAWithSHA224 "ECDSA with SHA224" in V1_1;
        0x0E ECDSAWithSHA256 "ECDSA with SHA256" in V1_1;
        0x0F ECDSAWithSHA384 "ECDSA with SHA384" in V1_1;
        0x10 ECDSAWithSHA512 "ECDSA with SHA512" in V1_1;
        0x11 SHA3_256WithRSAEncryption "SHA3-256 with RSA Encryption" in V1_4;
        0x12 SHA3_384WithRSAEncryption "SHA3-384 with RSA Encryption" in V1_4;
        0x13 SHA3_512WithRSAEncryption "SHA3-512 with RSA Encryption" in V1_4;
    }
    /// Encoding Option.
    EncodingOption "Encoding Option" {
        0x01 NoEncoding "No Encoding" in V1_1;
        0x02 TTLVEncoding "TTLV Encoding" in V1_1;
    }
    /// Endpoint Role.
    EndpointRole "Endpoint Role" {
        0x01 Client "Client" in V2_0;
        0x02 Server "Server" in V2_0;
    }
    /// Ephemeral.
    Ephemeral "Ephemeral" {
        0x01 Data "Data" in V3_0;
        0x02 Empty "Empty" in V3_0;
        0x03 UniqueIdentifier "Unique Identifier" in V3_0;
    }
    /// FIPS186 Variation.
    FIPS186Variation "FIPS186 Variation" {
        0x01 Unspecified "Unspecified" in V1_3;
        0x02 GPXOriginal "GP x-Original" in V1_3;
        0x03 GPXChangeNotice "GP x-Change Notice" in V1_3;
        0x04 XOriginal "x-Original" in V1_3;
        0x05 XChangeNotice "x-Change Notice" in V1_3;
        0x06 KOriginal "k-Original" in V1_3;
        0x07 KChangeNotice "k-Change Notice" in V1_3;
    }
    /// Hashing Algorithm.
    HashingAlgorithm "Hashing Algorithm" {
        0x01 MD2 "MD2" in V1_0;
        0x02 MD4 "MD4" in V1_0;
        0x03 MD5 "MD5" in V1_0;
        0x04 SHA_1 "SHA-1" in V1_0;
        0x05 SHA_224 "SHA-224" in V1_0;
        0x06 SHA_256 "SHA-256" in V1_0;
        0x07 SHA_384 "SHA-384" in V1_0;
        0x08 SHA_512 "SHA-512" in V1_0;
        0x09 RIPEMD_160 "RIPEMD-160" in V1_0;
        0x0A Tiger "Tiger" in V1_0;
        0x0B Whirlpool "Whirlpool" in V1_0;
        0x0C SHA_512_224 "SHA-512/224" in V1_2;
        0x0D SHA_512_256 "SHA-512/256" in V1_2;
        0x0E SHA_3_224 "SHA-3-224" in V1_4;
        0x0F SHA_3_256 "SHA-3-256" in V1_4;
        0x10 SHA_3_384 "SHA-3-384" in V1_4;
        0x11 SHA_3_512 "SHA-3-512" in V1_4;
    }
    /// Interop Function.
    InteropFunction "Interop Function" {
        0x01 Begin "Begin" in V2_0;
        0x02 End "End" in V2_0;
        0x03 Reset "Reset" in V2_0;
    }
    /// Item Type.
    ItemTypeEnumeration "Item Type" {
        0x01 Structure "Structure" in V2_0;
        0x02 Integer "Integer" in V2_0;
        0x03 LongInteger "Long Integer" in V2_0;
        0x04 BigInteger "Big Integer" in V2_0;
        0x05 Enumeration "Enumeration" in V2_0;
        0x06 Boolean "Boolean" in V2_0;
        0x07 TextString "Text String" in V2_0;
        0x08 ByteString "Byte String" in V2_0;
        0x09 DateTime "Date Time" in V2_0;
        0x0A Interval "Interval" in V2_0;
        0x0B DateTimeExtended "Date Time Extended" in V2_0;
        0x0C Identifier "Identifier" in V3_0;
        0x0D Reference "Reference" in V3_0;
        0x0E NameReference "Name Reference" in V3_0;
    }
    /// KEM Algorithm.
    KEMAlgorithm "KEM Algorithm" {
        0x01 RSASVE "RSASVE" in V3_0;
        0x02 DHKEM "DHKEM" in V3_0;
        0x03 MLKEM "MLKEM" in V3_0;
    }
    /// Key Compression Type.
    KeyCompressionType "Key Compression Type" {
        0x01 ECPublicKeyTypeUncompressed "EC Public Key Type Uncompressed" in V1_0;
        0x02 ECPublicKeyTypeX9_62CompressedPrime "EC Public Key Type X9.62 Compressed Prime" in V1_0;
        0x03 ECPublicKeyTypeX9_62CompressedChar2 "EC Public Key Type X9.62 Compressed Char2" in V1_0;
        0x04 ECPublicKeyTypeX9_62Hybrid "EC Public Key Type X9.62 Hybrid" in V1_0;
    }
    /// Key Format Type.
    KeyFormatType "Key Format Type" {
        0x01 Raw "Raw" in V1_0;
        0x02 Opaque "Opaque" in V1_0;
        0x03 PKCS_1 "PKCS#1" in V1_0;
        0x04 PKCS_8 "PKCS#8" in V1_0;
        0x05 X_509 "X.509" in V1_0;
        0x06 ECPrivateKey "ECPrivateKey" in V1_0;
        0x07 TransparentSymmetricKey "Transparent Symmetric Key" in V1_0;
        0x08 TransparentDSAPrivateKey "Transparent DSA Private Key" in V1_0;
        0x09 TransparentDSAPublicKey "Transparent DSA Public Key" in V1_0;
        0x0A TransparentRSAPrivateKey "Transparent RSA Private Key" in V1_0;
        0x0B TransparentRSAPublicKey "Transparent RSA Public Key" in V1_0;
        0x0C TransparentDHPrivateKey "Transparent DH Private Key" in V1_0;
        0x0D TransparentDHPublicKey "Transparent DH Public Key" in V1_0;
        0x0E TransparentECDSAPrivateKey "Transparent ECDSA Private Key" in V1_0, until V1_4;
        0x0F TransparentECDSAPublicKey "Transparent ECDSA Public Key" in V1_0, until V1_4;
        0x10 TransparentECDHPrivateKey "Transparent ECDH Private Key" in V1_0, until V1_4;
        0x11 TransparentECDHPublicKey "Transparent ECDH Public Key" in V1_0, until V1_4;
        0x12 TransparentECMQVPrivateKey "Transparent ECMQV Private Key" in V1_0, until V1_4;
        0x13 TransparentECMQVPublicKey "Transparent ECMQV Public Key" in V1_0, until V1_4;
        0x14 TransparentECPrivateKey "Transparent EC Private Key" in V1_3;
        0x15 TransparentECPublicKey "Transparent EC Public Key" in V1_3;
        0x16 PKCS_12 "PKCS#12" in V1_4;
        0x17 PKCS_10 "PKCS#10" in V2_0;
        0x18 SeedPrivateKey "Seed Private Key" in V3_0;
    }
    /// Key Role Type.
    KeyRoleType "Key Role Type" {
        0x01 BDK "BDK" in V1_0;
        0x02 CVK "CVK" in V1_0;
        0x03 DEK "DEK" in V1_0;
        0x04 MKAC "MKAC" in V1_0;
        0x05 MKSMC "MKSMC" in V1_0;
        0x06 MKSMI "MKSMI" in V1_0;
        0x07 MKDAC "MKDAC" in V1_0;
        0x08 MKDN "MKDN" in V1_0;
        0x09 MKCP "MKCP" in V1_0;
        0x0A MKOTH "MKOTH" in V1_0;
        0x0B KEK "KEK" in V1_0;
        0x0C MAC16609 "MAC16609" in V1_0;
        0x0D MAC97971 "MAC97971" in V1_0;
        0x0E MAC97972 "MAC97972" in V1_0;
        0x0F MAC97973 "MAC97973" in V1_0;
        0x10 MAC97974 "MAC97974" in V1_0;
        0x11 MAC97975 "MAC97975" in V1_0;
        0x12 ZPK "ZPK" in V1_0;
        0x13 PVKIBM "PVKIBM" in V1_0;
        0x14 PVKPVV "PVKPVV" in V1_0;
        0x15 PVKOTH "PVKOTH" in V1_0;
        0x16 DUKPT "DUKPT" in V1_4;
        0x17 IV "IV" in V1_4;
        0x18 TRKBK "TRKBK" in V1_4;
    }
    /// Key Value Location Type.
    KeyValueLocationType "Key Value Location Type" {
        0x01 UninterpretedTextString "Uninterpreted Text String" in V1_2;
        0x02 URI "URI" in V1_2;
    }
    /// Key Wrap Type.
    KeyWrapType "Key Wrap Type" {
        0x01 NotWrapped "Not Wrapped" in V1_4;
        0x02 AsRegistered "As Registered" in V1_4;
    }
    /// Link Type.
    LinkType "Link Type" {
        0x101 CertificateLink "Certificate Link" in V1_0, until V2_1;
        0x102 PublicKeyLink "Public Key Link" in V1_0, until V2_1;
        0x103 PrivateKeyLink "Private Key Link" in V1_0, until V2_1;
        0x104 DerivationBaseObjectLink "Derivation Base Object Link" in V1_0, until V2_1;
        0x105 DerivedKeyLink "Derived Key Link" in V1_0, until V2_1;
        0x106 ReplacementObjectLink "Replacement Object Link" in V1_0, until V2_1;
        0x107 ReplacedObjectLink "Replaced Object Link" in V1_0, until V2_1;
        0x108 ParentLink "Parent Link" in V1_2, until V2_1;
        0x109 ChildLink "Child Link" in V1_2, until V2_1;
        0x10A PreviousLink "Previous Link" in V1_2, until V2_1;
        0x10B NextLink "Next Link" in V1_2, until V2_1;
        0x10C PKCS_12CertificateLink "PKCS#12 Certificate Link" in V1_4, until V2_1;
        0x10D PKCS_12PasswordLink "PKCS#12 Password Link" in V1_4, until V2_1;
        0x10E WrappingKeyLink "Wrapping Key Link" in V2_0, until V2_1;
    }
    /// Mask Generator.
    MaskGenerator "Mask Generator" {
        0x01 MGF1 "MGF1" in V1_4;
        also 0x01 MFG1;
    }
    /// NIST Key Type.
    NISTKeyType "NIST Key Type" {
        0x01 PrivateSignatureKey "Private signature key" in V2_0;
        0x02 PublicSignatureVerificationKey "Public signature verification key" in V2_0;
        0x03 SymmetricAuthenticationKey "Symmetric authentication key" in V2_0;
        0x04 PrivateAuthenticationKey "Private authentication key" in V2_0;
        0x05 PublicAuthenticationKey "Public authentication key" in V2_0;
        0x06 SymmetricDataEncryptionKey "Symmetric data encryption key" in V2_0;
        0x07 SymmetricKeyWrappingKey "Symmetric key wrapping key" in V2_0;
        0x08 SymmetricRandomNumberGenerationKey "Symmetric random number generation key" in V2_0;
        0x09 SymmetricMasterKey "Symmetric master key" in V2_0;
        0x0A PrivateKeyTransportKey "Private key transport key" in V2_0;
        0x0B PublicKeyTransportKey "Public key transport key" in V2_0;
        0x0C SymmetricKeyAgreementKey "Symmetric key agreement key" in V2_0;
        0x0D PrivateStaticKeyAgreementKey "Private static key agreement key" in V2_0;
        0x0E PublicStaticKeyAgreementKey "Public static key agreement key" in V2_0;
        0x0F PrivateEphemeralKeyAgreementKey "Private ephemeral key agreement key" in V2_0;
        0x10 PublicEphemeralKeyAgreementKey "Public ephemeral key agreement key" in V2_0;
        0x11 SymmetricAuthorizationKey "Symmetric authorization key" in V2_0;
        0x12 PrivateAuthorizationKey "Private authorization key" in V2_0;
        0x13 PublicAuthorizationKey "Public authorization key" in V2_0;
    }
    /// Name Type.
    NameType "Name Type" {
        0x01 UninterpretedTextString "Uninterpreted Text String" in V1_0, until V2_1;
        0x02 URI "URI" in V1_0, until V2_1;
    }
    /// OTP Algorithm.
    OTPAlgorithm "OTP Algorithm" {
        0x01 HOTP "HOTP" in V3_0;
        0x02 TOTP "TOTP" in V3_0;
    }
    /// Object Class.
    ObjectClass "Object Class" {
        0x01 User "User" in V3_0;
        0x02 System "System" in V3_0;
    }
    /// Object Group Member.
    ObjectGroupMember "Object Group Member" {
        0x01 GroupMemberFresh "Group Member Fresh" in V1_1, until V2_1;
        0x02 GroupMemberDefault "Group Member Default" in V1_1, until V2_1;
    }
    /// Object Type.
    ObjectType "Object Type" {
        0x01 Certificate "Certificate" in V1_0;
        0x02 SymmetricKey "Symmetric Key" in V1_0;
        0x03 PublicKey "Public Key" in V1_0;
        0x04 PrivateKey "Private Key" in V1_0;
        0x05 SplitKey "Split Key" in V1_0;
        0x06 Template "Template" in V1_0, until V1_4;
        0x07 SecretData "Secret Data" in V1_0;
        0x08 OpaqueObject "Opaque Object" in V1_0;
        0x09 PGPKey "PGP Key" in V1_2;
        0x0A CertificateRequest "Certificate Request" in V2_0;
        0x0B User "User" in V3_0;
        0x0C Group "Group" in V3_0;
        0x0D PasswordCredential "Password Credential" in V3_0;
        0x0E DeviceCredential "Device Credential" in V3_0;
        0x0F OneTimePasswordCredential "One Time Password Credential" in V3_0;
        0x10 HashedPasswordCredential "Hashed Password Credential" in V3_0;
    }
    /// PKCS#11 Function.
    PKCS_11Function "PKCS#11 Function" {
        0x01 C_Initialize "C_Initialize" in V2_0;
        0x02 C_Finalize "C_Finalize" in V2_0;
        0x03 C_GetInfo "C_GetInfo" in V2_0;
        0x04 C_GetFunctionList "C_GetFunctionList" in V2_0;
        0x05 C_GetSlotList "C_GetSlotList" in V2_0;
        0x06 C_GetSlotInfo "C_GetSlotInfo" in V2_0;
        0x07 C_GetTokenInfo "C_GetTokenInfo" in V2_0;
        0x08 C_GetMechanismList "C_GetMechanismList" in V2_0;
        0x09 C_GetMechanismInfo "C_GetMechanismInfo" in V2_0;
        0x0A C_InitToken "C_InitToken" in V2_0;
        0x0B C_InitPIN "C_InitPIN" in V2_0;
        0x0C C_SetPIN "C_SetPIN" in V2_0;
        0x0D C_OpenSession "C_OpenSession" in V2_0;
        0x0E C_CloseSession "C_CloseSession" in V2_0;
        0x0F C_CloseAllSessions "C_CloseAllSessions" in V2_0;
        0x10 C_GetSessionInfo "C_GetSessionInfo" in V2_0;
        0x11 C_GetOperationState "C_GetOperationState" in V2_0;
        0x12 C_SetOperationState "C_SetOperationState" in V2_0;
        0x13 C_Login "C_Login" in V2_0;
        0x14 C_Logout "C_Logout" in V2_0;
        0x15 C_CreateObject "C_CreateObject" in V2_0;
        0x16 C_CopyObject "C_CopyObject" in V2_0;
        0x17 C_DestroyObject "C_DestroyObject" in V2_0;
        0x18 C_GetObjectSize "C_GetObjectSize" in V2_0;
        0x19 C_GetAttributeValue "C_GetAttributeValue" in V2_0;
        0x1A C_SetAttributeValue "C_SetAttributeValue" in V2_0;
        0x1B C_FindObjectsInit "C_FindObjectsInit" in V2_0;
        0x1C C_FindObjects "C_FindObjects" in V2_0;
        0x1D C_FindObjectsFinal "C_FindObjectsFinal" in V2_0;
        0x1E C_EncryptInit "C_EncryptInit" in V2_0;
        0x1F C_Encrypt "C_Encrypt" in V2_0;
        0x20 C_EncryptUpdate "C_EncryptUpdate" in V2_0;
        0x21 C_EncryptFinal "C_EncryptFinal" in V2_0;
        0x22 C_DecryptInit "C_DecryptInit" in V2_0;
        0x23 C_Decrypt "C_Decrypt" in V2_0;
        0x24 C_DecryptUpdate "C_DecryptUpdate" in V2_0;
        0x25 C_DecryptFinal "C_DecryptFinal" in V2_0;
        0x26 C_DigestInit "C_DigestInit" in V2_0;
        0x27 C_Digest "C_Digest" in V2_0;
        0x28 C_DigestUpdate "C_DigestUpdate" in V2_0;
        0x29 C_DigestKey "C_DigestKey" in V2_0;
        0x2A C_DigestFinal "C_DigestFinal" in V2_0;
        0x2B C_SignInit "C_SignInit" in V2_0;
        0x2C C_Sign "C_Sign" in V2_0;
        0x2D C_SignUpdate "C_SignUpdate" in V2_0;
        0x2E C_SignFinal "C_SignFinal" in V2_0;
        0x2F C_SignRecoverInit "C_SignRecoverInit" in V2_0;
        0x30 C_SignRecover "C_SignRecover" in V2_0;
        0x31 C_VerifyInit "C_VerifyInit" in V2_0;
        0x32 C_Verify "C_Verify" in V2_0;
        0x33 C_VerifyUpdate "C_VerifyUpdate" in V2_0;
        0x34 C_VerifyFinal "C_VerifyFinal" in V2_0;
        0x35 C_VerifyRecoverInit "C_VerifyRecoverInit" in V2_0;
        0x36 C_VerifyRecover "C_VerifyRecover" in V2_0;
        0x37 C_DigestEncryptUpdate "C_DigestEncryptUpdate" in V2_0;
        0x38 C_DecryptDigestUpdate "C_DecryptDigestUpdate" in V2_0;
        0x39 C_SignEncryptUpdate "C_SignEncryptUpdate" in V2_0;
        0x3A C_DecryptVerifyUpdate "C_DecryptVerifyUpdate" in V2_0;
        0x3B C_GenerateKey "C_GenerateKey" in V2_0;
        0x3C C_GenerateKeyPair "C_GenerateKeyPair" in V2_0;
        0x3D C_WrapKey "C_WrapKey" in V2_0;
        0x3E C_UnwrapKey "C_UnwrapKey" in V2_0;
        0x3F C_DeriveKey "C_DeriveKey" in V2_0;
        0x40 C_SeedRandom "C_SeedRandom" in V2_0;
        0x41 C_GenerateRandom "C_GenerateRandom" in V2_0;
        0x42 C_GetFunctionStatus "C_GetFunctionStatus" in V2_0;
        0x43 C_CancelFunction "C_CancelFunction" in V2_0;
        0x44 C_WaitForSlotEvent "C_WaitForSlotEvent" in V2_0;
    }
    /// PKCS#11 Return Code.
    PKCS_11ReturnCode "PKCS#11 Return Code" {
        0x00 OK "OK" in V2_0;
    }
    /// Padding Method.
    PaddingMethod "Padding Method" {
        0x01 None "None" in V1_0;
        0x02 OAEP "OAEP" in V1_0;
        0x03 PKCS5 "PKCS5" in V1_0;
        0x04 SSL3 "SSL3" in V1_0;
        0x05 Zeros "Zeros" in V1_0;
        0x06 ANSIX9_23 "ANSI X9.23" in V1_0;
        0x07 ISO10126 "ISO 10126" in V1_0;
        0x08 PKCS1V1_5 "PKCS1 v1.5" in V1_0;
        0x09 X9_31 "X9.31" in V1_0;
        0x0A PSS "PSS" in V1_0;
    }
    /// Processing Stage.
    ProcessingStage "Processing Stage" {
        0x01 Submitted "Submitted" in V2_1;
        0x02 InProcess "In Process" in V2_1;
        0x03 Completed "Completed" in V2_1;
    }
    /// Profile Name.
    ProfileName "Profile Name" {
        0x01 BaselineServerBasicKMIPV1_2 "Baseline Server Basic KMIP v1.2" in V1_3, until V1_4;
        0x02 BaselineServerTLSV1_2KMIPV1_2 "Baseline Server TLS v1.2 KMIP v1.2" in V1_3, until V1_4;
        0x03 BaselineClientBasicKMIPV1_2 "Baseline Client Basic KMIP v1.2" in V1_3, until V1_4;
        0x04 BaselineClientTLSV1_2KMIPV1_2 "Baseline Client TLS v1.2 KMIP v1.2" in V1_3, until V1_4;
        0x05 CompleteServerBasicKMIPV1_2 "Complete Server Basic KMIP v1.2" in V1_3, until V1_4;
        0x06 CompleteServerTLSV1_2KMIPV1_2 "Complete Server TLS v1.2 KMIP v1.2" in V1_3, until V1_4;
        0x07 TapeLibraryClientKMIPV1_0 "Tape Library Client KMIP v1.0" in V1_3, until V1_4;
        0x08 TapeLibraryClientKMIPV1_1 "Tape Library Client KMIP v1.1" in V1_3, until V1_4;
        0x09 TapeLibraryClientKMIPV1_2 "Tape Library Client KMIP v1.2" in V1_3, until V1_4;
        0x0A TapeLibraryServerKMIPV1_0 "Tape Library Server KMIP v1.0" in V1_3, until V1_4;
        0x0B TapeLibraryServerKMIPV1_1 "Tape Library Server KMIP v1.1" in V1_3, until V1_4;
        0x0C TapeLibraryServerKMIPV1_2 "Tape Library Server KMIP v1.2" in V1_3, until V1_4;
        0x0D SymmetricKeyLifecycleClientKMIPV1_0 "Symmetric Key Lifecycle Client KMIP v1.0" in V1_3, until V1_4;
        0x0E SymmetricKeyLifecycleClientKMIPV1_1 "Symmetric Key Lifecycle Client KMIP v1.1" in V1_3, until V1_4;
        0x0F SymmetricKeyLifecycleClientKMIPV1_2 "Symmetric Key Lifecycle Client KMIP v1.2" in V1_3, until V1_4;
        0x10 SymmetricKeyLifecycleServerKMIPV1_0 "Symmetric Key Lifecycle Server KMIP v1.0" in V1_3, until V1_4;
        0x11 SymmetricKeyLifecycleServerKMIPV1_1 "Symmetric Key Lifecycle Server KMIP v1.1" in V1_3, until V1_4;
        0x12 SymmetricKeyLifecycleServerKMIPV1_2 "Symmetric Key Lifecycle Server KMIP v1.2" in V1_3, until V1_4;
        0x13 AsymmetricKeyLifecycleClientKMIPV1_0 "Asymmetric Key Lifecycle Client KMIP v1.0" in V1_3, until V1_4;
        0x14 AsymmetricKeyLifecycleClientKMIPV1_1 "Asymmetric Key Lifecycle Client KMIP v1.1" in V1_3, until V1_4;
        0x15 AsymmetricKeyLifecycleClientKMIPV1_2 "Asymmetric Key Lifecycle Client KMIP v1.2" in V1_3, until V1_4;
        0x16 AsymmetricKeyLifecycleServerKMIPV1_0 "Asymmetric Key Lifecycle Server KMIP v1.0" in V1_3, until V1_4;
        0x17 AsymmetricKeyLifecycleServerKMIPV1_1 "Asymmetric Key Lifecycle Server KMIP v1.1" in V1_3, until V1_4;
        0x18 AsymmetricKeyLifecycleServerKMIPV1_2 "Asymmetric Key Lifecycle Server KMIP v1.2" in V1_3, until V1_4;
        0x19 BasicCryptographicClientKMIPV1_2 "Basic Cryptographic Client KMIP v1.2" in V1_3, until V1_4;
        0x1A BasicCryptographicServerKMIPV1_2 "Basic Cryptographic Server KMIP v1.2" in V1_3, until V1_4;
        0x1B AdvancedCryptographicClientKMIPV1_2 "Advanced Cryptographic Client KMIP v1.2" in V1_3, until V1_4;
        0x1C AdvancedCryptographicServerKMIPV1_2 "Advanced Cryptographic Server KMIP v1.2" in V1_3, until V1_4;
        0x1D RNGCryptographicClientKMIPV1_2 "RNG Cryptographic Client KMIP v1.2" in V1_3, until V1_4;
        0x1E RNGCryptographicServerKMIPV1_2 "RNG Cryptographic Server KMIP v1.2" in V1_3, until V1_4;
        0x1F BasicSymmetricKeyFoundryClientKMIPV1_0 "Basic Symmetric Key Foundry Client KMIP v1.0" in V1_3, until V1_4;
        0x20 IntermediateSymmetricKeyFoundryClientKMIPV1_0 "Intermediate Symmetric Key Foundry Client KMIP v1.0" in V1_3, until V1_4;
        0x21 AdvancedSymmetricKeyFoundryClientKMIPV1_0 "Advanced Symmetric Key Foundry Client KMIP v1.0" in V1_3, until V1_4;
        0x22 BasicSymmetricKeyFoundryClientKMIPV1_1 "Basic Symmetric Key Foundry Client KMIP v1.1" in V1_3, until V1_4;
        0x23 IntermediateSymmetricKeyFoundryClientKMIPV1_1 "Intermediate Symmetric Key Foundry Client KMIP v1.1" in V1_3, until V1_4;
        0x24 AdvancedSymmetricKeyFoundryClientKMIPV1_1 "Advanced Symmetric Key Foundry Client KMIP v1.1" in V1_3, until V1_4;
        0x25 BasicSymmetricKeyFoundryClientKMIPV1_2 "Basic Symmetric Key Foundry Client KMIP v1.2" in V1_3, until V1_4;
        0x26 IntermediateSymmetricKeyFoundryClientKMIPV1_2 "Intermediate Symmetric Key Foundry Client KMIP v1.2" in V1_3, until V1_4;
        0x27 AdvancedSymmetricKeyFoundryClientKMIPV1_2 "Advanced Symmetric Key Foundry Client KMIP v1.2" in V1_3, until V1_4;
        0x28 SymmetricKeyFoundryServerKMIPV1_0 "Symmetric Key Foundry Server KMIP v1.0" in V1_3, until V1_4;
        0x29 SymmetricKeyFoundryServerKMIPV1_1 "Symmetric Key Foundry Server KMIP v1.1" in V1_3, until V1_4;
        0x2A SymmetricKeyFoundryServerKMIPV1_2 "Symmetric Key Foundry Server KMIP v1.2" in V1_3, until V1_4;
        0x2B OpaqueManagedObjectStoreClientKMIPV1_0 "Opaque Managed Object Store Client KMIP v1.0" in V1_3, until V1_4;
        0x2C OpaqueManagedObjectStoreClientKMIPV1_1 "Opaque Managed Object Store Client KMIP v1.1" in V1_3, until V1_4;
        0x2D OpaqueManagedObjectStoreClientKMIPV1_2 "Opaque Managed Object Store Client KMIP v1.2" in V1_3, until V1_4;
        0x2E OpaqueManagedObjectStoreServerKMIPV1_0 "Opaque Managed Object Store Server KMIP v1.0" in V1_3, until V1_4;
        0x2F OpaqueManagedObjectStoreServerKMIPV1_1 "Opaque Managed Object Store Server KMIP v1.1" in V1_3, until V1_4;
        0x30 OpaqueManagedObjectStoreServerKMIPV1_2 "Opaque Managed Object Store Server KMIP v1.2" in V1_3, until V1_4;
        0x31 SuiteBMinLOS_128ClientKMIPV1_0 "Suite B minLOS_128 Client KMIP v1.0" in V1_3, until V1_4;
        0x32 SuiteBMinLOS_128ClientKMIPV1_1 "Suite B minLOS_128 Client KMIP v1.1" in V1_3, until V1_4;
        0x33 SuiteBMinLOS_128ClientKMIPV1_2 "Suite B minLOS_128 Client KMIP v1.2" in V1_3, until V1_4;
        0x34 SuiteBMinLOS_128ServerKMIPV1_0 "Suite B minLOS_128 Server KMIP v1.0" in V1_3, until V1_4;
        0x35 SuiteBMinLOS_128ServerKMIPV1_1 "Suite B minLOS_128 Server KMIP v1.1" in V1_3, until V1_4;
        0x36 SuiteBMinLOS_128ServerKMIPV1_2 "Suite B minLOS_128 Server KMIP v1.2" in V1_3, until V1_4;
        0x37 SuiteBMinLOS_192ClientKMIPV1_0 "Suite B minLOS_192 Client KMIP v1.0" in V1_3, until V1_4;
        0x38 SuiteBMinLOS_192ClientKMIPV1_1 "Suite B minLOS_192 Client KMIP v1.1" in V1_3, until V1_4;
        0x39 SuiteBMinLOS_192ClientKMIPV1_2 "Suite B minLOS_192 Client KMIP v1.2" in V1_3, until V1_4;
        0x3A SuiteBMinLOS_192ServerKMIPV1_0 "Suite B minLOS_192 Server KMIP v1.0" in V1_3, until V1_4;
        0x3B SuiteBMinLOS_192ServerKMIPV1_1 "Suite B minLOS_192 Server KMIP v1.1" in V1_3, until V1_4;
        0x3C SuiteBMinLOS_192ServerKMIPV1_2 "Suite B minLOS_192 Server KMIP v1.2" in V1_3, until V1_4;
        0x3D StorageArrayWithSelfEncryptingDriveClientKMIPV1_0 "Storage Array with Self Encrypting Drive Client KMIP v1.0" in V1_3, until V1_4;
        0x3E StorageArrayWithSelfEncryptingDriveClientKMIPV1_1 "Storage Array with Self Encrypting Drive Client KMIP v1.1" in V1_3, until V1_4;
        0x3F StorageArrayWithSelfEncryptingDriveClientKMIPV1_2 "Storage Array with Self Encrypting Drive Client KMIP v1.2" in V1_3, until V1_4;
        0x40 StorageArrayWithSelfEncryptingDriveServerKMIPV1_0 "Storage Array with Self Encrypting Drive Server KMIP v1.0" in V1_3, until V1_4;
        0x41 StorageArrayWithSelfEncryptingDriveServerKMIPV1_1 "Storage Array with Self Encrypting Drive Server KMIP v1.1" in V1_3, until V1_4;
        0x42 StorageArrayWithSelfEncryptingDriveServerKMIPV1_2 "Storage Array with Self Encrypting Drive Server KMIP v1.2" in V1_3, until V1_4;
        0x43 HTTPSClientKMIPV1_0 "HTTPS Client KMIP v1.0" in V1_3, until V1_4;
        0x44 HTTPSClientKMIPV1_1 "HTTPS Client KMIP v1.1" in V1_3, until V1_4;
        0x45 HTTPSClientKMIPV1_2 "HTTPS Client KMIP v1.2" in V1_3, until V1_4;
        0x46 HTTPSServerKMIPV1_0 "HTTPS Server KMIP v1.0" in V1_3, until V1_4;
        0x47 HTTPSServerKMIPV1_1 "HTTPS Server KMIP v1.1" in V1_3, until V1_4;
        0x48 HTTPSServerKMIPV1_2 "HTTPS Server KMIP v1.2" in V1_3, until V1_4;
        0x49 JSONClientKMIPV1_0 "JSON Client KMIP v1.0" in V1_3, until V1_4;
        0x4A JSONClientKMIPV1_1 "JSON Client KMIP v1.1" in V1_3, until V1_4;
        0x4B JSONClientKMIPV1_2 "JSON Client KMIP v1.2" in V1_3, until V1_4;
        0x4C JSONServerKMIPV1_0 "JSON Server KMIP v1.0" in V1_3, until V1_4;
        0x4D JSONServerKMIPV1_1 "JSON Server KMIP v1.1" in V1_3, until V1_4;
        0x4E JSONServerKMIPV1_2 "JSON Server KMIP v1.2" in V1_3, until V1_4;
        0x4F XMLClientKMIPV1_0 "XML Client KMIP v1.0" in V1_3, until V1_4;
        0x50 XMLClientKMIPV1_1 "XML Client KMIP v1.1" in V1_3, until V1_4;
        0x51 XMLClientKMIPV1_2 "XML Client KMIP v1.2" in V1_3, until V1_4;
        0x52 XMLServerKMIPV1_0 "XML Server KMIP v1.0" in V1_3, until V1_4;
        0x53 XMLServerKMIPV1_1 "XML Server KMIP v1.1" in V1_3, until V1_4;
        0x54 XMLServerKMIPV1_2 "XML Server KMIP v1.2" in V1_3, until V1_4;
        0x55 BaselineServerBasicKMIPV1_3 "Baseline Server Basic KMIP v1.3" in V1_3, until V1_4;
        0x56 BaselineServerTLSV1_2KMIPV1_3 "Baseline Server TLS v1.2 KMIP v1.3" in V1_3, until V1_4;
        0x57 BaselineClientBasicKMIPV1_3 "Baseline Client Basic KMIP v1.3" in V1_3, until V1_4;
        0x58 BaselineClientTLSV1_2KMIPV1_3 "Baseline Client TLS v1.2 KMIP v1.3" in V1_3, until V1_4;
        0x59 CompleteServerBasicKMIPV1_3 "Complete Server Basic KMIP v1.3" in V1_3, until V1_4;
        0x5A CompleteServerTLSV1_2KMIPV1_3 "Complete Server TLS v1.2 KMIP v1.3" in V1_3, until V1_4;
        0x5B TapeLibraryClientKMIPV1_3 "Tape Library Client KMIP v1.3" in V1_3, until V1_4;
        0x5C TapeLibraryServerKMIPV1_3 "Tape Library Server KMIP v1.3" in V1_3, until V1_4;
        0x5D SymmetricKeyLifecycleClientKMIPV1_3 "Symmetric Key Lifecycle Client KMIP v1.3" in V1_3, until V1_4;
        0x5E SymmetricKeyLifecycleServerKMIPV1_3 "Symmetric Key Lifecycle Server KMIP v1.3" in V1_3, until V1_4;
        0x5F AsymmetricKeyLifecycleClientKMIPV1_3 "Asymmetric Key Lifecycle Client KMIP v1.3" in V1_3, until V1_4;
        0x60 AsymmetricKeyLifecycleServerKMIPV1_3 "Asymmetric Key Lifecycle Server KMIP v1.3" in V1_3, until V1_4;
        0x61 BasicCryptographicClientKMIPV1_3 "Basic Cryptographic Client KMIP v1.3" in V1_3, until V1_4;
        0x62 BasicCryptographicServerKMIPV1_3 "Basic Cryptographic Server KMIP v1.3" in V1_3, until V1_4;
        0x63 AdvancedCryptographicClientKMIPV1_3 "Advanced Cryptographic Client KMIP v1.3" in V1_3, until V1_4;
        0x64 AdvancedCryptographicServerKMIPV1_3 "Advanced Cryptographic Server KMIP v1.3" in V1_3, until V1_4;
        0x65 RNGCryptographicClientKMIPV1_3 "RNG Cryptographic Client KMIP v1.3" in V1_3, until V1_4;
        0x66 RNGCryptographicServerKMIPV1_3 "RNG Cryptographic Server KMIP v1.3" in V1_3, until V1_4;
        0x67 BasicSymmetricKeyFoundryClientKMIPV1_3 "Basic Symmetric Key Foundry Client KMIP v1.3" in V1_3, until V1_4;
        0x68 IntermediateSymmetricKeyFoundryClientKMIPV1_3 "Intermediate Symmetric Key Foundry Client KMIP v1.3" in V1_3, until V1_4;
        0x69 AdvancedSymmetricKeyFoundryClientKMIPV1_3 "Advanced Symmetric Key Foundry Client KMIP v1.3" in V1_3, until V1_4;
        0x6A SymmetricKeyFoundryServerKMIPV1_3 "Symmetric Key Foundry Server KMIP v1.3" in V1_3, until V1_4;
        0x6B OpaqueManagedObjectStoreClientKMIPV1_3 "Opaque Managed Object Store Client KMIP v1.3" in V1_3, until V1_4;
        0x6C OpaqueManagedObjectStoreServerKMIPV1_3 "Opaque Managed Object Store Server KMIP v1.3" in V1_3, until V1_4;
        0x6D SuiteBMinLOS_128ClientKMIPV1_3 "Suite B minLOS_128 Client KMIP v1.3" in V1_3, until V1_4;
        0x6E SuiteBMinLOS_128ServerKMIPV1_3 "Suite B minLOS_128 Server KMIP v1.3" in V1_3, until V1_4;
        0x6F SuiteBMinLOS_192ClientKMIPV1_3 "Suite B minLOS_192 Client KMIP v1.3" in V1_3, until V1_4;
        0x70 SuiteBMinLOS_192ServerKMIPV1_3 "Suite B minLOS_192 Server KMIP v1.3" in V1_3, until V1_4;
        0x71 StorageArrayWithSelfEncryptingDriveClientKMIPV1_3 "Storage Array with Self Encrypting Drive Client KMIP v1.3" in V1_3, until V1_4;
        0x72 StorageArrayWithSelfEncryptingDriveServerKMIPV1_3 "Storage Array with Self Encrypting Drive Server KMIP v1.3" in V1_3, until V1_4;
        0x73 HTTPSClientKMIPV1_3 "HTTPS Client KMIP v1.3" in V1_3, until V1_4;
        0x74 HTTPSServerKMIPV1_3 "HTTPS Server KMIP v1.3" in V1_3, until V1_4;
        0x75 JSONClientKMIPV1_3 "JSON Client KMIP v1.3" in V1_3, until V1_4;
        0x76 JSONServerKMIPV1_3 "JSON Server KMIP v1.3" in V1_3, until V1_4;
        0x77 XMLClientKMIPV1_3 "XML Client KMIP v1.3" in V1_3, until V1_4;
        0x78 XMLServerKMIPV1_3 "XML Server KMIP v1.3" in V1_3, until V1_4;
        0x79 BaselineServerBasicKMIPV1_4 "Baseline Server Basic KMIP v1.4" in V1_4, until V1_4;
        0x7A BaselineServerTLSV1_2KMIPV1_4 "Baseline Server TLS v1.2 KMIP v1.4" in V1_4, until V1_4;
        0x7B BaselineClientBasicKMIPV1_4 "Baseline Client Basic KMIP v1.4" in V1_4, until V1_4;
        0x7C BaselineClientTLSV1_2KMIPV1_4 "Baseline Client TLS v1.2 KMIP v1.4" in V1_4, until V1_4;
        0x7D CompleteServerBasicKMIPV1_4 "Complete Server Basic KMIP v1.4" in V1_4, until V1_4;
        0x7E CompleteServerTLSV1_2KMIPV1_4 "Complete Server TLS v1.2 KMIP v1.4" in V1_4, until V1_4;
        0x7F TapeLibraryClientKMIPV1_4 "Tape Library Client KMIP v1.4" in V1_4, until V1_4;
        0x80 TapeLibraryServerKMIPV1_4 "Tape Library Server KMIP v1.4" in V1_4, until V1_4;
        0x81 SymmetricKeyLifecycleClientKMIPV1_4 "Symmetric Key Lifecycle Client KMIP v1.4" in V1_4, until V1_4;
        0x82 SymmetricKeyLifecycleServerKMIPV1_4 "Symmetric Key Lifecycle Server KMIP v1.4" in V1_4, until V1_4;
        0x83 AsymmetricKeyLifecycleClientKMIPV1_4 "Asymmetric Key Lifecycle Client KMIP v1.4" in V1_4, until V1_4;
        0x84 AsymmetricKeyLifecycleServerKMIPV1_4 "Asymmetric Key Lifecycle Server KMIP v1.4" in V1_4, until V1_4;
        0x85 BasicCryptographicClientKMIPV1_4 "Basic Cryptographic Client KMIP v1.4" in V1_4, until V1_4;
        0x86 BasicCryptographicServerKMIPV1_4 "Basic Cryptographic Server KMIP v1.4" in V1_4, until V1_4;
        0x87 AdvancedCryptographicClientKMIPV1_4 "Advanced Cryptographic Client KMIP v1.4" in V1_4, until V1_4;
        0x88 AdvancedCryptographicServerKMIPV1_4 "Advanced Cryptographic Server KMIP v1.4" in V1_4, until V1_4;
        0x89 RNGCryptographicClientKMIPV1_4 "RNG Cryptographic Client KMIP v1.4" in V1_4, until V1_4;
        0x8A RNGCryptographicServerKMIPV1_4 "RNG Cryptographic Server KMIP v1.4" in V1_4, until V1_4;
        0x8B BasicSymmetricKeyFoundryClientKMIPV1_4 "Basic Symmetric Key Foundry Client KMIP v1.4" in V1_4, until V1_4;
        0x8C IntermediateSymmetricKeyFoundryClientKMIPV1_4 "Intermediate Symmetric Key Foundry Client KMIP v1.4" in V1_4, until V1_4;
        0x8D AdvancedSymmetricKeyFoundryClientKMIPV1_4 "Advanced Symmetric Key Foundry Client KMIP v1.4" in V1_4, until V1_4;
        0x8E SymmetricKeyFoundryServerKMIPV1_4 "Symmetric Key Foundry Server KMIP v1.4" in V1_4, until V1_4;
        0x8F OpaqueManagedObjectStoreClientKMIPV1_4 "Opaque Managed Object Store Client KMIP v1.4" in V1_4, until V1_4;
        0x90 OpaqueManagedObjectStoreServerKMIPV1_4 "Opaque Managed Object Store Server KMIP v1.4" in V1_4, until V1_4;
        0x91 SuiteBMinLOS_128ClientKMIPV1_4 "Suite B minLOS_128 Client KMIP v1.4" in V1_4, until V1_4;
        0x92 SuiteBMinLOS_128ServerKMIPV1_4 "Suite B minLOS_128 Server KMIP v1.4" in V1_4, until V1_4;
        0x93 SuiteBMinLOS_192ClientKMIPV1_4 "Suite B minLOS_192 Client KMIP v1.4" in V1_4, until V1_4;
        0x94 SuiteBMinLOS_192ServerKMIPV1_4 "Suite B minLOS_192 Server KMIP v1.4" in V1_4, until V1_4;
        0x95 StorageArrayWithSelfEncryptingDriveClientKMIPV1_4 "Storage Array with Self Encrypting Drive Client KMIP v1.4" in V1_4, until V1_4;
        0x96 StorageArrayWithSelfEncryptingDriveServerKMIPV1_4 "Storage Array with Self Encrypting Drive Server KMIP v1.4" in V1_4, until V1_4;
        0x97 HTTPSClientKMIPV1_4 "HTTPS Client KMIP v1.4" in V1_4, until V1_4;
        0x98 HTTPSServerKMIPV1_4 "HTTPS Server KMIP v1.4" in V1_4, until V1_4;
        0x99 JSONClientKMIPV1_4 "JSON Client KMIP v1.4" in V1_4, until V1_4;
        0x9A JSONServerKMIPV1_4 "JSON Server KMIP v1.4" in V1_4, until V1_4;
        0x9B XMLClientKMIPV1_4 "XML Client KMIP v1.4" in V1_4, until V1_4;
        0x9C XMLServerKMIPV1_4 "XML Server KMIP v1.4" in V1_4, until V1_4;
        0x104 CompleteServerBasic "Complete Server Basic" in V2_0;
        0x105 CompleteServerTLSV1_2 "Complete Server TLS v1.2" in V2_0;
        0x106 TapeLibraryClient "Tape Library Client" in V2_0;
        0x107 TapeLibraryServer "Tape Library Server" in V2_0;
        0x108 SymmetricKeyLifecycleClient "Symmetric Key Lifecycle Client" in V2_0;
        0x109 SymmetricKeyLifecycleServer "Symmetric Key Lifecycle Server" in V2_0;
        0x10A AsymmetricKeyLifecycleClient "Asymmetric Key Lifecycle Client" in V2_0;
        0x10B AsymmetricKeyLifecycleServer "Asymmetric Key Lifecycle Server" in V2_0;
        0x10C BasicCryptographicClient "Basic Cryptographic Client" in V2_0;
        0x10D BasicCryptographicServer "Basic Cryptographic Server" in V2_0;
        0x10E AdvancedCryptographicClient "Advanced Cryptographic Client" in V2_0;
        0x10F AdvancedCryptographicServer "Advanced Cryptographic Server" in V2_0;
        0x110 RNGCryptographicClient "RNG Cryptographic Client" in V2_0;
        0x111 RNGCryptographicServer "RNG Cryptographic Server" in V2_0;
        0x112 BasicSymmetricKeyFoundryClient "Basic Symmetric Key Foundry Client" in V2_0;
        0x113 IntermediateSymmetricKeyFoundryClient "Intermediate Symmetric Key Foundry Client" in V2_0;
        0x114 AdvancedSymmetricKeyFoundryClient "Advanced Symmetric Key Foundry Client" in V2_0;
        0x115 SymmetricKeyFoundryServer "Symmetric Key Foundry Server" in V2_0;
        0x116 OpaqueManagedObjectStoreClient "Opaque Managed Object Store Client" in V2_0;
        0x117 OpaqueManagedObjectStoreServer "Opaque Managed Object Store Server" in V2_0;
        0x11C StorageArrayWithSelfEncryptingDriveClient "Storage Array with Self Encrypting Drive Client" in V2_0;
        0x11D StorageArrayWithSelfEncryptingDriveServer "Storage Array with Self Encrypting Drive Server" in V2_0;
        0x11E HTTPSClient "HTTPS Client" in V2_0;
        0x11F HTTPSServer "HTTPS Server" in V2_0;
        0x120 JSONClient "JSON Client" in V2_0;
        0x121 JSONServer "JSON Server" in V2_0;
        0x122 XMLClient "XML Client" in V2_0;
        0x123 XMLServer "XML Server" in V2_0;
        0x124 AESXTSClient "AES XTS Client" in V2_0;
        0x125 AESXTSServer "AES XTS Server" in V2_0;
        0x126 QuantumSafeClient "Quantum Safe Client" in V2_0;
        0x127 QuantumSafeServer "Quantum Safe Server" in V2_0;
        0x128 PKCS_11Client "PKCS#11 Client" in V2_0;
        0x129 PKCS_11Server "PKCS#11 Server" in V2_0;
        0x12A BaselineClient "Baseline Client" in V2_0;
        0x12B BaselineServer "Baseline Server" in V2_0;
        0x12C CompleteServer "Complete Server" in V2_0;
    }
    /// Protection Level.
    ProtectionLevel "Protection Level" {
        0x01 High "High" in V2_0;
        0x02 Low "Low" in V2_0;
    }
    /// Put Function.
    PutFunction "Put Function" {
        0x01 New "New" in V1_0;
        0x02 Replace "Replace" in V1_0;
    }
    /// Query Function.
    QueryFunction "Query Function" {
        0x01 QueryOperations "Query Operations" in V1_0;
        0x02 QueryObjects "Query Objects" in V1_0;
        0x03 QueryServerInformation "Query Server Information" in V1_0;
        0x04 QueryApplicationNamespaces "Query Application Namespaces" in V1_0;
        0x05 QueryExtensionList "Query Extension List" in V1_1;
        0x06 QueryExtensionMap "Query Extension Map" in V1_1;
        0x07 QueryAttestationTypes "Query Attestation Types" in V1_2;
        0x08 QueryRNGs "Query RNGs" in V1_3;
        0x09 QueryValidations "Query Validations" in V1_3;
        0x0A QueryProfiles "Query Profiles" in V1_3;
        0x0B QueryCapabilities "Query Capabilities" in V1_3;
        0x0C QueryClientRegistrationMethods "Query Client Registration Methods" in V1_3;
        0x0D QueryDefaultsInformation "Query Defaults Information" in V2_0;
        0x0E QueryStorageProtectionMasks "Query Storage Protection Masks" in V2_0;
        0x0F QueryCredentialInformation "Query Credential Information" in V3_0;
    }
    /// RNG Algorithm.
    RNGAlgorithm "RNG Algorithm" {
        0x01 Unspecified "Unspecified" in V1_3;
        0x02 FIPS186_2 "FIPS 186-2" in V1_3;
        0x03 DRBG "DRBG" in V1_3;
        0x04 NRBG "NRBG" in V1_3;
        0x05 ANSIX9_31 "ANSI X9.31" in V1_3;
        0x06 ANSIX9_62 "ANSI X9.62" in V1_3;
    }
    /// RNG Mode.
    RNGMode "RNG Mode" {
        0x01 Unspecified "Unspecified" in V1_3;
        0x02 SharedInstantiation "Shared Instantiation" in V1_3;
        0x03 NonSharedInstantiation "Non-Shared Instantiation" in V1_3;
    }
    /// Recommended Curve.
    RecommendedCurve "Recommended Curve" {
        0x01 P_192 "P-192" in V1_0;
        0x02 K_163 "K-163" in V1_0;
        0x03 B_163 "B-163" in V1_0;
        0x04 P_224 "P-224" in V1_0;
        0x05 K_233 "K-233" in V1_0;
        0x06 B_233 "B-233" in V1_0;
        0x07 P_256 "P-256" in V1_0;
        0x08 K_283 "K-283" in V1_0;
        0x09 B_283 "B-283" in V1_0;
        0x0A P_384 "P-384" in V1_0;
        0x0B K_409 "K-409" in V1_0;
        0x0C B_409 "B-409" in V1_0;
        0x0D P_521 "P-521" in V1_0;
        0x0E K_571 "K-571" in V1_0;
        0x0F B_571 "B-571" in V1_0;
        0x10 SECP112R1 "SECP112R1" in V1_2;
        0x11 SECP112R2 "SECP112R2" in V1_2;
        0x12 SECP128R1 "SECP128R1" in V1_2;
        0x13 SECP128R2 "SECP128R2" in V1_2;
        0x14 SECP160K1 "SECP160K1" in V1_2;
        0x15 SECP160R1 "SECP160R1" in V1_2;
        0x16 SECP160R2 "SECP160R2" in V1_2;
        0x17 SECP192K1 "SECP192K1" in V1_2;
        0x18 SECP224K1 "SECP224K1" in V1_2;
        0x19 SECP256K1 "SECP256K1" in V1_2;
        0x1A SECT113R1 "SECT113R1" in V1_2;
        0x1B SECT113R2 "SECT113R2" in V1_2;
        0x1C SECT131R1 "SECT131R1" in V1_2;
        0x1D SECT131R2 "SECT131R2" in V1_2;
        0x1E SECT163R1 "SECT163R1" in V1_2;
        0x1F SECT193R1 "SECT193R1" in V1_2;
        0x20 SECT193R2 "SECT193R2" in V1_2;
        0x21 SECT239K1 "SECT239K1" in V1_2;
        0x22 ANSIX9P192V2 "ANSIX9P192V2" in V1_2;
        0x23 ANSIX9P192V3 "ANSIX9P192V3" in V1_2;
        0x24 ANSIX9P239V1 "ANSIX9P239V1" in V1_2;
        0x25 ANSIX9P239V2 "ANSIX9P239V2" in V1_2;
        0x26 ANSIX9P239V3 "ANSIX9P239V3" in V1_2;
        0x27 ANSIX9C2PNB163V1 "ANSIX9C2PNB163V1" in V1_2;
        0x28 ANSIX9C2PNB163V2 "ANSIX9C2PNB163V2" in V1_2;
        0x29 ANSIX9C2PNB163V3 "ANSIX9C2PNB163V3" in V1_2;
        0x2A ANSIX9C2PNB176V1 "ANSIX9C2PNB176V1" in V1_2;
        0x2B ANSIX9C2TNB191V1 "ANSIX9C2TNB191V1" in V1_2;
        0x2C ANSIX9C2TNB191V2 "ANSIX9C2TNB191V2" in V1_2;
        0x2D ANSIX9C2TNB191V3 "ANSIX9C2TNB191V3" in V1_2;
        0x2E ANSIX9C2PNB208W1 "ANSIX9C2PNB208W1" in V1_2;
        0x2F ANSIX9C2TNB239V1 "ANSIX9C2TNB239V1" in V1_2;
        0x30 ANSIX9C2TNB239V2 "ANSIX9C2TNB239V2" in V1_2;
        0x31 ANSIX9C2TNB239V3 "ANSIX9C2TNB239V3" in V1_2;
        0x32 ANSIX9C2PNB272W1 "ANSIX9C2PNB272W1" in V1_2;
        0x33 ANSIX9C2PNB304W1 "ANSIX9C2PNB304W1" in V1_2;
        0x34 ANSIX9C2TNB359V1 "ANSIX9C2TNB359V1" in V1_2;
        0x35 ANSIX9C2PNB368W1 "ANSIX9C2PNB368W1" in V1_2;
        0x36 ANSIX9C2TNB431R1 "ANSIX9C2TNB431R1" in V1_2;
        0x37 BRAINPOOLP160R1 "BRAINPOOLP160R1" in V1_2;
        0x38 BRAINPOOLP160T1 "BRAINPOOLP160T1" in V1_2;
        0x39 BRAINPOOLP192R1 "BRAINPOOLP192R1" in V1_2;
        0x3A BRAINPOOLP192T1 "BRAINPOOLP192T1" in V1_2;
        0x3B BRAINPOOLP224R1 "BRAINPOOLP224R1" in V1_2;
        0x3C BRAINPOOLP224T1 "BRAINPOOLP224T1" in V1_2;
        0x3D BRAINPOOLP256R1 "BRAINPOOLP256R1" in V1_2;
        0x3E BRAINPOOLP256T1 "BRAINPOOLP256T1" in V1_2;
        0x3F BRAINPOOLP320R1 "BRAINPOOLP320R1" in V1_2;
        0x40 BRAINPOOLP320T1 "BRAINPOOLP320T1" in V1_2;
        0x41 BRAINPOOLP384R1 "BRAINPOOLP384R1" in V1_2;
        0x42 BRAINPOOLP384T1 "BRAINPOOLP384T1" in V1_2;
        0x43 BRAINPOOLP512R1 "BRAINPOOLP512R1" in V1_2;
        0x44 BRAINPOOLP512T1 "BRAINPOOLP512T1" in V1_2;
        0x45 CURVE25519 "CURVE25519" in V2_0;
        0x46 CURVE448 "CURVE448" in V2_0;
    }
    /// Result Reason.
    ResultReason "Result Reason" {
        0x01 ItemNotFound "Item Not Found" in V1_0;
        0x02 ResponseTooLarge "Response Too Large" in V1_0;
        0x03 AuthenticationNotSuccessful "Authentication Not Successful" in V1_0;
        0x04 InvalidMessage "Invalid Message" in V1_0;
        0x05 OperationNotSupported "Operation Not Supported" in V1_0;
        0x06 MissingData "Missing Data" in V1_0;
        0x07 InvalidField "Invalid Field" in V1_0;
        0x08 FeatureNotSupported "Feature Not Supported" in V1_0;
        0x09 OperationCanceledByRequester "Operation Canceled By Requester" in V1_0;
        0x0A CryptographicFailure "Cryptographic Failure" in V1_0;
        0x0B IllegalOperation "Illegal Operation" in V1_0, until V1_4;
        0x0C PermissionDenied "Permission Denied" in V1_0;
        0x0D ObjectArchived "Object archived" in V1_0;
        0x0E IndexOutOfBounds "Index Out of Bounds" in V1_0, until V1_4;
        0x0F ApplicationNamespaceNotSupported "Application Namespace Not Supported" in V1_0;
        0x10 KeyFormatTypeNotSupported "Key Format Type Not Supported" in V1_0;
        0x11 KeyCompressionTypeNotSupported "Key Compression Type Not Supported" in V1_0;
        0x12 EncodingOptionError "Encoding Option Error" in V1_1;
        0x13 KeyValueNotPresent "Key Value Not Present" in V1_2;
        0x14 AttestationRequired "Attestation Required" in V1_2;
        0x15 AttestationFailed "Attestation Failed" in V1_2;
        0x16 Sensitive "Sensitive" in V1_4;
        0x17 NotExtractable "Not Extractable" in V1_4;
        0x18 ObjectAlreadyExists "Object Already Exists" in V1_4;
        0x19 InvalidTicket "Invalid Ticket" in V2_0;
        0x1A UsageLimitExceeded "Usage Limit Exceeded" in V2_0;
        0x1B NumericRange "Numeric Range" in V2_0;
        0x1C InvalidDataType "Invalid Data Type" in V2_0;
        0x1D ReadOnlyAttribute "Read Only Attribute" in V2_0;
        0x1E MultiValuedAttribute "Multi Valued Attribute" in V2_0;
        0x1F UnsupportedAttribute "Unsupported Attribute" in V2_0;
        0x20 AttributeInstanceNotFound "Attribute Instance Not Found" in V2_0;
        0x21 AttributeNotFound "Attribute Not Found" in V2_0;
        0x22 AttributeReadOnly "Attribute Read Only" in V2_0;
        0x23 AttributeSingleValued "Attribute Single Valued" in V2_0;
        0x24 BadCryptographicParameters "Bad Cryptographic Parameters" in V2_0;
        0x25 BadPassword "Bad Password" in V2_0;
        0x26 CodecError "Codec Error" in V2_0;
        0x28 IllegalObjectType "Illegal Object Type" in V2_0;
        0x29 IncompatibleCryptographicUsageMask "Incompatible Cryptographic Usage Mask" in V2_0;
        0x2A InternalServerError "Internal Server Error" in V2_0;
        0x2B InvalidAsynchronousCorrelationValue "Invalid Asynchronous Correlation Value" in V2_0;
        0x2C InvalidAttribute "Invalid Attribute" in V2_0;
        0x2D InvalidAttributeValue "Invalid Attribute Value" in V2_0;
        0x2E InvalidCorrelationValue "Invalid Correlation Value" in V2_0;
        0x2F InvalidCSR "Invalid CSR" in V2_0;
        0x30 InvalidObjectType "Invalid Object Type" in V2_0;
        0x32 KeyWrapTypeNotSupported "Key Wrap Type Not Supported" in V2_0;
        0x34 MissingInitializationVector "Missing Initialization Vector" in V2_0;
        0x35 NonUniqueNameAttribute "Non Unique Name Attribute" in V2_0;
        0x36 ObjectDestroyed "Object Destroyed" in V2_0;
        0x37 ObjectNotFound "Object Not Found" in V2_0;
        0x39 NotAuthorised "Not Authorised" in V2_0;
        also 0x39 NotAuthorized;
        0x3A ServerLimitExceeded "Server Limit Exceeded" in V2_0;
        0x3B UnknownEnumeration "Unknown Enumeration" in V2_0;
        0x3C UnknownMessageExtension "Unknown Message Extension" in V2_0;
        0x3D UnknownTag "Unknown Tag" in V2_0;
        0x3E UnsupportedCryptographicParameters "Unsupported Cryptographic Parameters" in V2_0;
        0x3F UnsupportedProtocolVersion "Unsupported Protocol Version" in V2_0;
        0x40 WrappingObjectArchived "Wrapping Object Archived" in V2_0;
        0x41 WrappingObjectDestroyed "Wrapping Object Destroyed" in V2_0;
        0x42 WrappingObjectNotFound "Wrapping Object Not Found" in V2_0;
        0x43 WrongKeyLifecycleState "Wrong Key Lifecycle State" in V2_0;
        0x44 ProtectionStorageUnavailable "Protection Storage Unavailable" in V2_0;
        0x45 PKCS_11CodecError "PKCS#11 Codec Error" in V2_0;
        0x46 PKCS_11InvalidFunction "PKCS#11 Invalid Function" in V2_0;
        0x47 PKCS_11InvalidInterface "PKCS#11 Invalid Interface" in V2_0;
        0x48 PrivateProtectionStorageUnavailable "Private Protection Storage Unavailable" in V2_0;
        0x49 PublicProtectionStorageUnavailable "Public Protection Storage Unavailable" in V2_0;
        0x4A UnknownObjectGroup "Unknown Object Group" in V2_1, until V2_1;
        0x4B ConstraintViolation "Constraint Violation" in V2_1;
        0x4C DuplicateProcessRequest "Duplicate Process Request" in V2_1;
        0x4D CircularLinkError "Circular Link Error" in V3_0;
        0x100 GeneralFailure "General Failure" in V1_0;
    }
    /// Result Status.
    ResultStatus "Result Status" {
        0x00 Success "Success" in V1_0;
        0x01 OperationFailed "Operation Failed" in V1_0;
        0x02 OperationPending "Operation Pending" in V1_0;
        0x03 OperationUndone "Operation Undone" in V1_0;
    }
    /// Revocation Reason Code.
    RevocationReasonCode "Revocation Reason Code" {
        0x01 Unspecified "Unspecified" in V1_0;
        0x02 KeyCompromise "Key Compromise" in V1_0;
        0x03 CACompromise "CA Compromise" in V1_0;
        0x04 AffiliationChanged "Affiliation Changed" in V1_0;
        0x05 Superseded "Superseded" in V1_0;
        0x06 CessationOfOperation "Cessation of Operation" in V1_0;
        0x07 PrivilegeWithdrawn "Privilege Withdrawn" in V1_0;
        0x08 CertificateHold "Certificate Hold" in V3_0;
        0x09 RemoveFromCRL "Remove from CRL" in V3_0;
        0x0A AACompromise "AA Compromise" in V3_0;
    }
    /// Rotate Name Type.
    RotateNameType "Rotate Name Type" {
        0x01 UninterpretedTextString "Uninterpreted Text String" in V2_1, until V2_1;
        0x02 URI "URI" in V2_1, until V2_1;
    }
    /// Secret Data Type.
    SecretDataType "Secret Data Type" {
        0x01 Password "Password" in V1_0;
        0x02 Seed "Seed" in V1_0;
    }
    /// Shredding Algorithm.
    ShreddingAlgorithm "Shredding Algorithm" {
        0x01 Unspecified "Unspecified" in V1_3;
        0x02 Cryptographic "Cryptographic" in V1_3;
        0x03 Unsupported "Unsupported" in V1_3;
    }
    /// Split Key Method.
    SplitKeyMethod "Split Key Method" {
        0x01 XOR "XOR" in V1_0;
        0x02 PolynomialSharingGF2_16 "Polynomial Sharing GF (2^16)" in V1_0;
        0x03 PolynomialSharingPrimeField "Polynomial Sharing Prime Field" in V1_0;
        0x04 PolynomialSharingGF2_8 "Polynomial Sharing GF (2^8)" in V1_2;
    }
    /// Split Key Polynomial.
    SplitKeyPolynomial "Split Key Polynomial" {
        0x01 Polynomial_283 "Polynomial-283" in V3_0;
        0x02 Polynomial_285 "Polynomial-285" in V3_0;
    }
    /// State.
    State "State" {
        0x01 PreActive "Pre-Active" in V1_0;
        0x02 Active "Active" in V1_0;
        0x03 Deactivated "Deactivated" in V1_0;
        0x04 Compromised "Compromised" in V1_0;
        0x05 Destroyed "Destroyed" in V1_0;
        0x06 DestroyedCompromised "Destroyed Compromised" in V1_0;
    }
    /// Ticket Type.
    TicketType "Ticket Type" {
        0x01 Login "Login" in V2_0;
    }
    /// Unique Identifier.
    UniqueIdentifier "Unique Identifier" {
        0x01 IDPlaceholder "ID Placeholder" in V2_0;
        0x02 Certify "Certify" in V2_0;
        0x03 Create "Create" in V2_0;
        0x04 CreateKeyPair "Create Key Pair" in V2_0;
        0x05 CreateKeyPairPrivateKey "Create Key Pair Private Key" in V2_0;
        0x06 CreateKeyPairPublicKey "Create Key Pair Public Key" in V2_0;
        0x07 CreateSplitKey "Create Split Key" in V2_0;
        0x08 DeriveKey "Derive Key" in V2_0;
        0x09 Import "Import" in V2_0;
        0x0A JoinSplitKey "Join Split Key" in V2_0;
        0x0B Locate "Locate" in V2_0;
        0x0C Register "Register" in V2_0;
        0x0D ReKey "Re-key" in V2_0;
        0x0E ReCertify "Re-certify" in V2_0;
        0x0F ReKeyKeyPair "Re-key Key Pair" in V2_0;
        0x10 ReKeyKeyPairPrivateKey "Re-key Key Pair Private Key" in V2_0;
        0x11 ReKeyKeyPairPublicKey "Re-key Key Pair Public Key" in V2_0;
        0x12 ReProvision "Re-Provision" in V3_0;
        0x13 CreateUser "Create User" in V3_0;
        0x14 CreateGroup "Create Group" in V3_0;
        0x15 CreateCredential "Create Credential" in V3_0;
    }
    /// Unwrap Mode.
    UnwrapMode "Unwrap Mode" {
        0x01 Unspecified "Unspecified" in V1_3;
        0x02 Processed "Processed" in V1_3;
        0x03 NotProcessed "Not Processed" in V1_3;
    }
    /// Usage Limits Unit.
    UsageLimitsUnit "Usage Limits Unit" {
        0x01 Byte "Byte" in V1_0;
        0x02 Object "Object" in V1_0;
    }
    /// Validation Authority Type.
    ValidationAuthorityType "Validation Authority Type" {
        0x01 Unspecified "Unspecified" in V1_3;
        0x02 NISTCMVP "NIST CMVP" in V1_3;
        0x03 CommonCriteria "Common Criteria" in V1_3;
    }
    /// Validation Type.
    ValidationType "Validation Type" {
        0x01 Unspecified "Unspecified" in V1_3;
        0x02 Hardware "Hardware" in V1_3;
        0x03 Software "Software" in V1_3;
        0x04 Firmware "Firmware" in V1_3;
        0x05 Hybrid "Hybrid" in V1_3;
    }
    /// Validity Indicator.
    ValidityIndicator "Validity Indicator" {
        0x01 Valid "Valid" in V1_0;
        0x02 Invalid "Invalid" in V1_0;
        0x03 Unknown "Unknown" in V1_0;
    }
    /// Wrapping Method.
    WrappingMethod "Wrapping Method" {
        0x01 Encrypt "Encrypt" in V1_0;
        0x02 MACSign "MAC/sign" in V1_0;
        0x03 EncryptThenMACSign "Encrypt then MAC/sign" in V1_0;
        0x04 MACSignThenEncrypt "MAC/sign then encrypt" in V1_0;
        0x05 TR_31 "TR-31" in V1_0;
    }
}
