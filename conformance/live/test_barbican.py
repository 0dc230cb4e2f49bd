"""OpenStack Barbican's KMIP plugin, as Barbican loads it: its class, its configuration file, its data objects."""

import base64
import datetime

import pytest
from barbican.plugin import kmip_secret_store as plugin
from barbican.plugin.interface import secret_store as ss
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PEM = serialization.Encoding.PEM
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE_PEM = PRIVATE.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
PUBLIC_PEM = PRIVATE.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def certificate():
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "barbican.example.test")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, PRIVATE.public_key(), 4711, start, start.replace(year=2056))
    return builder.sign(PRIVATE, hashes.SHA256()).public_bytes(PEM)


@pytest.fixture(params=[False, True], ids=["pkcs8", "pkcs1"])
def store(request, subject, tmp_path):
    """The plugin; `pkcs1_only` is its setting for servers that know no other form of a key pair."""
    settings = dict(subject, pkcs1_only=request.param)
    lines = [f"{key} = {value}" for key, value in settings.items()]
    file = tmp_path / "barbican.conf"
    file.write_text("\n".join(["[kmip_plugin]", *lines, ""]))
    plugin.CONF(["--config-file", str(file)], project="barbican")
    return plugin.KMIPSecretStore(plugin.CONF)


def gone(store, kind, metadata):
    with pytest.raises(ss.SecretGeneralException):
        store.get_secret(kind, metadata)
    return True


SECRETS = {
    "aes-128": (ss.SecretType.SYMMETRIC, bytes(range(16)), ss.KeySpec(ss.KeyAlgorithm.AES, 128)),
    "aes-256": (ss.SecretType.SYMMETRIC, bytes(range(32)), ss.KeySpec(ss.KeyAlgorithm.AES, 256)),
    "3des": (ss.SecretType.SYMMETRIC, bytes(range(24)), ss.KeySpec(ss.KeyAlgorithm.DESEDE, 192)),
    "hmac": (ss.SecretType.SYMMETRIC, bytes(range(32)), ss.KeySpec(ss.KeyAlgorithm.HMACSHA256, 256)),
    "public": (ss.SecretType.PUBLIC, PUBLIC_PEM, ss.KeySpec(ss.KeyAlgorithm.RSA, 2048)),
    "private": (ss.SecretType.PRIVATE, PRIVATE_PEM, ss.KeySpec(ss.KeyAlgorithm.RSA, 2048)),
    "certificate": (ss.SecretType.CERTIFICATE, certificate(), ss.KeySpec()),
    "passphrase": (ss.SecretType.PASSPHRASE, b"correct horse battery staple", ss.KeySpec()),
    "opaque": (ss.SecretType.OPAQUE, b"\x00\x01\xfe\xff", ss.KeySpec()),
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_stored_read_and_deleted(store, name):
    kind, secret, spec = SECRETS[name]
    metadata = store.store_secret(ss.SecretDTO(kind, base64.b64encode(secret), spec, None))
    assert set(metadata) == {"key_uuid"}
    found = store.get_secret(kind, metadata)
    assert base64.b64decode(found.secret) == secret
    assert found.type == kind
    assert (found.key_spec.alg, found.key_spec.bit_length) == (spec.alg, spec.bit_length)
    store.delete_secret(metadata)
    assert gone(store, kind, metadata)


# What the plugin offers, but for DES with 56 bits and 3DES with 112 and 168: PyKMIP reads no key whose length leaves the
# parity bits out, though KMIP counts both ways (2.1 §3.1).
GENERATED = [
    (ss.KeyAlgorithm.AES, 128),
    (ss.KeyAlgorithm.AES, 192),
    (ss.KeyAlgorithm.AES, 256),
    (ss.KeyAlgorithm.DESEDE, 128),
    (ss.KeyAlgorithm.DESEDE, 192),
    (ss.KeyAlgorithm.HMACSHA1, 160),
    (ss.KeyAlgorithm.HMACSHA256, 256),
    (ss.KeyAlgorithm.HMACSHA384, 384),
    (ss.KeyAlgorithm.HMACSHA512, 512),
]


@pytest.mark.parametrize(("algorithm", "length"), GENERATED)
def test_a_symmetric_key_is_generated(store, algorithm, length):
    spec = ss.KeySpec(algorithm, length)
    assert store.generate_supports(spec)
    metadata = store.generate_symmetric_key(spec)
    found = store.get_secret(ss.SecretType.SYMMETRIC, metadata)
    assert len(base64.b64decode(found.secret)) * 8 == length
    assert (found.key_spec.alg, found.key_spec.bit_length) == (algorithm, length)
    store.delete_secret(metadata)
    assert gone(store, ss.SecretType.SYMMETRIC, metadata)


@pytest.mark.parametrize("bits", [56, 64])
def test_3des_has_no_such_keys(store, bits):
    with pytest.raises(ss.SecretGeneralException, match="3DES has no keys"):
        store.generate_symmetric_key(ss.KeySpec(ss.KeyAlgorithm.DESEDE, bits))


def test_dsa_pairs_are_not_made(store):
    """The plugin offers them unless it is told to keep to PKCS#1."""
    with pytest.raises((ss.SecretGeneralException, ss.SecretAlgorithmNotSupportedException), match="(?i)not supported"):
        store.generate_asymmetric_key(ss.KeySpec(ss.KeyAlgorithm.DSA, 2048))


def test_a_short_rsa_key_is_for_the_operator_to_allow(store):
    with pytest.raises(ss.SecretGeneralException, match="legacy"):
        store.generate_asymmetric_key(ss.KeySpec(ss.KeyAlgorithm.RSA, 1024))


@pytest.mark.parametrize("length", [2048, 3072, 4096])
def test_a_key_pair_is_generated(store, length):
    pair = store.generate_asymmetric_key(ss.KeySpec(ss.KeyAlgorithm.RSA, length))
    private = store.get_secret(ss.SecretType.PRIVATE, pair.private_key_meta)
    public = store.get_secret(ss.SecretType.PUBLIC, pair.public_key_meta)
    private_key = serialization.load_pem_private_key(base64.b64decode(private.secret), None)
    public_key = serialization.load_pem_public_key(base64.b64decode(public.secret))
    assert private_key.public_key() == public_key
    assert private_key.key_size == private.key_spec.bit_length == length
    for kind, metadata in [
        (ss.SecretType.PRIVATE, pair.private_key_meta),
        (ss.SecretType.PUBLIC, pair.public_key_meta),
    ]:
        store.delete_secret(metadata)
        assert gone(store, kind, metadata)


def test_what_is_not_there_is_an_error(store):
    missing = {"key_uuid": "no-such-object"}
    assert gone(store, ss.SecretType.SYMMETRIC, missing)
    with pytest.raises(ss.SecretGeneralException):
        store.delete_secret(missing)
