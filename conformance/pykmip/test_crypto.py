"""Cryptographic operations. Each test is skipped while later.txt names its operation."""

import uuid

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC
from kmip.core import enums
from kmip.core.attributes import CryptographicParameters
from kmip.core.enums import CryptographicUsageMask as Mask
from kmip.core.enums import State
from kmip.pie import objects

from conftest import attributes, fails, is_2x, state, wrong_state

AES = enums.CryptographicAlgorithm.AES
CBC = {
    "block_cipher_mode": enums.BlockCipherMode.CBC,
    "padding_method": enums.PaddingMethod.PKCS5,
    "cryptographic_algorithm": AES,
}
SIGNATURE = {
    "digital_signature_algorithm": enums.DigitalSignatureAlgorithm.SHA256_WITH_RSA_ENCRYPTION,
    "padding_method": enums.PaddingMethod.PKCS1v15,
    "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
    "cryptographic_algorithm": enums.CryptographicAlgorithm.RSA,
}


def fresh():
    """A name: PyKMIP gives each object of a kind the same one, and names are unique."""
    return f"pykmip-{uuid.uuid4()}"


def needs(version, lowest):
    if version < lowest:
        pytest.skip(f"came with {lowest.value}")


@pytest.fixture
def key(client):
    uid = client.register(objects.SymmetricKey(AES, 128, b"\x2b" * 16, [Mask.ENCRYPT, Mask.DECRYPT], name=fresh()))
    client.activate(uid)
    return uid


@pytest.mark.operation("Encrypt")
def test_encrypt(client, version, key):
    needs(version, enums.KMIPVersion.KMIP_1_2)
    iv = bytes(range(16))
    sent = b"attack at dawn"
    data, nonce = client.encrypt(sent, key, CBC, iv)
    encryptor = Cipher(algorithms.AES(b"\x2b" * 16), modes.CBC(iv)).encryptor()
    padded = sent + bytes([16 - len(sent)]) * (16 - len(sent))
    assert data == encryptor.update(padded) + encryptor.finalize()
    assert nonce in (None, iv)


@pytest.mark.operation("Encrypt")
def test_encrypt_needs_an_active_key(client, version):
    needs(version, enums.KMIPVersion.KMIP_1_2)
    uid = client.create(AES, 128, cryptographic_usage_mask=[Mask.ENCRYPT])
    with fails(wrong_state(version)):
        client.encrypt(b"x", uid, CBC, bytes(16))


@pytest.mark.operation("Encrypt")
def test_encrypt_needs_the_mask(client, version):
    needs(version, enums.KMIPVersion.KMIP_1_2)
    # PyKMIP's create adds Encrypt and Decrypt to every mask.
    uid = client.register(objects.SymmetricKey(AES, 128, b"\x2b" * 16, [Mask.DECRYPT], name=fresh()))
    client.activate(uid)
    reasons = enums.ResultReason
    with fails(reasons.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK if is_2x(version) else reasons.PERMISSION_DENIED):
        client.encrypt(b"x", uid, CBC, bytes(16))


@pytest.mark.operation("Decrypt")
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 4096])
def test_round_trip(client, version, key, length):
    needs(version, enums.KMIPVersion.KMIP_1_2)
    sent = bytes(range(256)) * 16
    sent = sent[:length]
    data, _ = client.encrypt(sent, key, CBC, b"\x09" * 16)
    assert client.decrypt(data, key, CBC, b"\x09" * 16) == sent


@pytest.mark.operation("Decrypt")
def test_decrypt_of_rubbish(client, version, key):
    needs(version, enums.KMIPVersion.KMIP_1_2)
    with fails(enums.ResultReason.CRYPTOGRAPHIC_FAILURE, enums.ResultReason.INVALID_FIELD):
        client.decrypt(b"\x00" * 15, key, CBC, b"\x09" * 16)


@pytest.mark.operation("CreateKeyPair")
def test_key_pair(client):
    public, private = client.create_key_pair(
        enums.CryptographicAlgorithm.RSA, 2048, public_usage_mask=[Mask.VERIFY], private_usage_mask=[Mask.SIGN],
    )
    assert state(client, public) == state(client, private) == State.PRE_ACTIVE
    shown = client.get(public)
    assert shown.object_type == enums.ObjectType.PUBLIC_KEY
    assert (shown.cryptographic_algorithm, shown.cryptographic_length) == (enums.CryptographicAlgorithm.RSA, 2048)
    hidden = client.get(private)
    assert hidden.object_type == enums.ObjectType.PRIVATE_KEY
    assert attributes(client, public, "Cryptographic Usage Mask") == {"Cryptographic Usage Mask": Mask.VERIFY.value}
    assert attributes(client, private, "Cryptographic Usage Mask") == {"Cryptographic Usage Mask": Mask.SIGN.value}
    load = serialization.load_der_private_key
    secret = load(hidden.value, None)
    signature = secret.sign(b"message", padding.PKCS1v15(), hashes.SHA256())
    if shown.key_format_type == enums.KeyFormatType.X_509:
        serialization.load_der_public_key(shown.value).verify(signature, b"message", padding.PKCS1v15(), hashes.SHA256())
    client.destroy(public)
    client.destroy(private)


@pytest.fixture
def pair(client):
    public, private = client.create_key_pair(
        enums.CryptographicAlgorithm.RSA, 2048, public_usage_mask=[Mask.VERIFY], private_usage_mask=[Mask.SIGN],
    )
    client.activate(public)
    client.activate(private)
    return public, private


@pytest.mark.operation("Sign")
def test_sign(client, version, pair):
    needs(version, enums.KMIPVersion.KMIP_1_2)
    public, private = pair
    signature = client.sign(b"message", private, SIGNATURE)
    assert len(signature) == 256
    assert client.signature_verify(b"message", signature, public, SIGNATURE) == enums.ValidityIndicator.VALID
    assert client.signature_verify(b"massage", signature, public, SIGNATURE) == enums.ValidityIndicator.INVALID


@pytest.mark.operation("MAC")
def test_mac(client, version):
    needs(version, enums.KMIPVersion.KMIP_1_2)
    algorithm = enums.CryptographicAlgorithm.HMAC_SHA256
    uid = client.register(objects.SymmetricKey(algorithm, 256, b"\x4d" * 32, [Mask.MAC_GENERATE, Mask.MAC_VERIFY], name=fresh()))
    client.activate(uid)
    mac_uid, mac = client.mac(b"message", uid, algorithm)
    expected = HMAC(b"\x4d" * 32, hashes.SHA256())
    expected.update(b"message")
    assert (mac_uid, mac) == (uid, expected.finalize())


@pytest.mark.operation("DeriveKey")
def test_derive_key(client):
    base = client.register(
        objects.SecretData(b"password", enums.SecretDataType.PASSWORD, [Mask.DERIVE_KEY], name=fresh())
    )
    client.activate(base)
    uid = client.derive_key(
        enums.ObjectType.SYMMETRIC_KEY,
        [base],
        enums.DerivationMethod.PBKDF2,
        {
            "cryptographic_parameters": {"hashing_algorithm": enums.HashingAlgorithm.SHA_1},
            "salt": b"salt",
            "iteration_count": 4096,
        },
        cryptographic_length=128,
        cryptographic_algorithm=AES,
        cryptographic_usage_mask=[Mask.ENCRYPT],
    )
    # RFC 6070, third test vector, cut to 16 bytes.
    assert client.get(uid).value.hex() == "4b007901b765489abead49d926f721d0"


@pytest.mark.operation("ReKey")
def test_rekey(client, version, name):
    if is_2x(version):
        pytest.skip("PyKMIP sends a Template-Attribute, which 2.0 does not have")
    old = client.create(AES, 256, name=name, cryptographic_usage_mask=[Mask.ENCRYPT])
    client.activate(old)
    new = client.rekey(old)
    assert new != old
    assert state(client, old) == State.ACTIVE
    assert state(client, new) in (State.ACTIVE, State.PRE_ACTIVE)
    assert client.get(new).value != client.get(old).value
    assert attributes(client, old, "Name") == {}
    assert "Name" in attributes(client, new, "Name")


@pytest.mark.operation("GetWrapped")
def test_get_wrapped(client):
    wrapping = client.register(objects.SymmetricKey(AES, 128, bytes(range(16)), [Mask.WRAP_KEY], name=fresh()))
    client.activate(wrapping)
    # RFC 3394 §4.1.
    data = bytes.fromhex("00112233445566778899aabbccddeeff")
    uid = client.register(objects.SymmetricKey(AES, 128, data, [Mask.ENCRYPT], name=fresh()))
    got = client.get(
        uid,
        key_wrapping_specification={
            "wrapping_method": enums.WrappingMethod.ENCRYPT,
            "encryption_key_information": {
                "unique_identifier": wrapping,
                "cryptographic_parameters": {"block_cipher_mode": enums.BlockCipherMode.NIST_KEY_WRAP},
            },
            "encoding_option": enums.EncodingOption.NO_ENCODING,
        },
    )
    assert got.value.hex() == "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"


def test_parameters_can_be_built():
    """Keeps this file honest while all else is skipped: the parameters are PyKMIP's."""
    assert CryptographicParameters(block_cipher_mode=enums.BlockCipherMode.CBC)
