"""Register of every object type that PyKMIP has: it comes back as it went."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from kmip.core import enums
from kmip.core.enums import CryptographicUsageMask as Mask
from kmip.core.enums import State
from kmip.pie import objects

from conftest import attributes, fails, is_2x, state

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PKCS1 = KEY.private_bytes(
    serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
PKCS8 = KEY.private_bytes(
    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
PUBLIC_PKCS1 = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
PUBLIC_X509 = KEY.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)


def certificate():
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pykmip.example.test")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), 4711, start, start.replace(year=2056))
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


RSA = enums.CryptographicAlgorithm.RSA
AES = enums.CryptographicAlgorithm.AES
OBJECTS = {
    "aes-128": lambda: objects.SymmetricKey(AES, 128, b"\x11" * 16, [Mask.ENCRYPT, Mask.DECRYPT]),
    "aes-256": lambda: objects.SymmetricKey(AES, 256, b"\x22" * 32, [Mask.ENCRYPT]),
    "3des": lambda: objects.SymmetricKey(enums.CryptographicAlgorithm.TRIPLE_DES, 192, bytes(range(1, 25)), [Mask.ENCRYPT]),
    "no-mask": lambda: objects.SymmetricKey(AES, 128, b"\x33" * 16),
    "public-pkcs1": lambda: objects.PublicKey(RSA, 2048, PUBLIC_PKCS1, enums.KeyFormatType.PKCS_1, [Mask.VERIFY]),
    "public-x509": lambda: objects.PublicKey(RSA, 2048, PUBLIC_X509, enums.KeyFormatType.X_509, [Mask.ENCRYPT]),
    "private-pkcs1": lambda: objects.PrivateKey(RSA, 2048, PKCS1, enums.KeyFormatType.PKCS_1, [Mask.SIGN]),
    "private-pkcs8": lambda: objects.PrivateKey(RSA, 2048, PKCS8, enums.KeyFormatType.PKCS_8, [Mask.SIGN]),
    "password": lambda: objects.SecretData(b"correct horse", enums.SecretDataType.PASSWORD, [Mask.DERIVE_KEY]),
    "seed": lambda: objects.SecretData(b"\x5a" * 96, enums.SecretDataType.SEED),
    "opaque": lambda: objects.OpaqueObject(b"\x00\x01\x02", enums.OpaqueDataType.NONE),
    "certificate": lambda: objects.X509Certificate(certificate(), [Mask.VERIFY]),
    "split-key": lambda: objects.SplitKey(
        cryptographic_algorithm=AES, cryptographic_length=128, key_value=b"\x66" * 16,
        cryptographic_usage_masks=[Mask.EXPORT], key_format_type=enums.KeyFormatType.RAW, split_key_parts=3,
        key_part_identifier=1, split_key_threshold=2, split_key_method=enums.SplitKeyMethod.XOR,
    ),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_register_and_get(client, kind, name):
    sent = OBJECTS[kind]()
    sent.names = [name]
    uid = client.register(sent)
    got = client.get(uid)
    assert got.object_type == sent.object_type
    assert got.value == sent.value
    for field in (
        "cryptographic_algorithm", "cryptographic_length", "key_format_type", "data_type", "opaque_type",
        "certificate_type", "split_key_parts", "key_part_identifier", "split_key_threshold", "split_key_method",
    ):
        assert getattr(got, field, None) == getattr(sent, field, None), field
    found = attributes(client, uid, "Object Type", "Unique Identifier")
    assert found == {"Object Type": sent.object_type, "Unique Identifier": uid}
    if kind == "opaque":
        client.destroy(uid)
        return
    assert state(client, uid) == State.PRE_ACTIVE
    client.activate(uid)
    assert state(client, uid) == State.ACTIVE
    assert client.get(uid).value == sent.value
    client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid)
    client.destroy(uid)


def test_usage_mask_is_kept(client, name):
    key = OBJECTS["aes-256"]()
    # PyKMIP gives each key the name "Symmetric Key", and names are unique.
    key.names = [name]
    uid = client.register(key)
    assert attributes(client, uid, "Cryptographic Usage Mask")["Cryptographic Usage Mask"] == Mask.ENCRYPT.value


def test_application_specific_information(client, name):
    information = {"application_namespace": "ssl", "application_data": name}
    key = objects.SymmetricKey(AES, 128, b"\x11" * 16, [Mask.ENCRYPT], name=name, app_specific_info=[information])
    uid = client.register(key)
    found = attributes(client, uid, "Application Specific Information")["Application Specific Information"]
    assert found.application_namespace == "ssl"
    assert found.application_data == name


def test_material_that_does_not_fit_its_length(client, version):
    key = OBJECTS["aes-128"]()
    key.value = b"\x11" * 15
    reasons = [enums.ResultReason.INVALID_FIELD]
    if is_2x(version):
        reasons.append(enums.ResultReason.INVALID_ATTRIBUTE_VALUE)
    with fails(*reasons):
        client.register(key)
