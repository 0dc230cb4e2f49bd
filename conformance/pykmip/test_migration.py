"""A database that PyKMIP's own classes have written is brought in by `keyhaven import pykmip`, and PyKMIP's client gets
every object back under its identifier."""

import datetime
import json
import os
import socket
import subprocess
import time

import pytest
import sqlalchemy
import sqlalchemy.orm
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from kmip.core import enums
from kmip.pie import exceptions, objects, sqltypes
from kmip.pie.client import ProxyKmipClient

KEYHAVEN = os.environ.get("KEYHAVEN_BIN")
BEGUN = 1_700_000_000
AES = enums.CryptographicAlgorithm.AES
USES = [enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT]

pytestmark = pytest.mark.skipif(not KEYHAVEN, reason="the program is not here (KEYHAVEN_BIN)")


def held():
    """An object of every class, and a key in every state."""
    key = objects.SymmetricKey(AES, 128, bytes(range(16)), USES, "first")
    key.names.append("second")
    key.app_specific_info.append(objects.ApplicationSpecificInformation("space", "data"))
    key.object_groups.append(objects.ObjectGroup("group"))
    key.state = enums.State.ACTIVE
    yield key
    for number, state in enumerate(enums.State):
        key = objects.SymmetricKey(AES, 128, bytes([number] * 16), USES, state.name)
        key.state = state
        yield key
    pair = rsa.generate_private_key(65537, 2048)
    private = pair.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = pair.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    algorithm = enums.CryptographicAlgorithm.RSA
    sign, verify = [enums.CryptographicUsageMask.SIGN], [enums.CryptographicUsageMask.VERIFY]
    yield objects.PrivateKey(algorithm, 2048, private, enums.KeyFormatType.PKCS_8, sign, "private")
    yield objects.PublicKey(algorithm, 2048, public, enums.KeyFormatType.PKCS_1, verify, "public")
    yield objects.SecretData(b"password", enums.SecretDataType.PASSWORD, [], "secret")
    yield objects.OpaqueObject(b"\x00\x01opaque", enums.OpaqueDataType.NONE, "opaque")
    yield objects.SplitKey(
        cryptographic_algorithm=AES, cryptographic_length=128, key_value=bytes(16), cryptographic_usage_masks=USES,
        name="part", key_format_type=enums.KeyFormatType.RAW, split_key_parts=4, key_part_identifier=1,
        split_key_threshold=2, split_key_method=enums.SplitKeyMethod.XOR,
    )
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(pair.public_key())
    builder = builder.serial_number(5).not_valid_before(datetime.datetime(2024, 1, 1))
    certificate = builder.not_valid_after(datetime.datetime(2044, 1, 1)).sign(pair, hashes.SHA256())
    yield objects.X509Certificate(certificate.public_bytes(serialization.Encoding.DER), [], "certificate")
    yield objects.SymmetricKey(
        AES, 128, bytes(24), USES, "wrapped",
        key_wrapping_data={
            "wrapping_method": enums.WrappingMethod.ENCRYPT,
            "encryption_key_information": {
                "unique_identifier": "1",
                "cryptographic_parameters": {"block_cipher_mode": enums.BlockCipherMode.NIST_KEY_WRAP},
            },
            "encoding_option": enums.EncodingOption.NO_ENCODING,
        },
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The database, and what is in it by identifier."""
    path = tmp_path_factory.mktemp("pykmip") / "pykmip.database"
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    sqltypes.Base.metadata.create_all(engine)
    kept = {}
    with sqlalchemy.orm.sessionmaker(bind=engine, expire_on_commit=False)() as session:
        for one in held():
            one._owner, one.initial_date = "old", BEGUN
            session.add(one)
            session.commit()
            kept[str(one.unique_identifier)] = one
    return path, kept


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    data = tmp_path_factory.mktemp("keyhaven") / "data"
    run("init", "--data", data)
    run("cert", "issue", "pykmip", "--data", data)
    return data


def run(*arguments, code=0):
    done = subprocess.run([KEYHAVEN, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def moved(kept, data):
    """A client of a server into which the database was brought."""
    database, objects_kept = kept
    bring = ("import", "pykmip", database, "--rename", "old=pykmip", "--json", "--data", data)
    assert len(json.loads(run(*bring, "--dry-run"))["objects"]) == len(objects_kept)
    assert json.loads(run(*bring)) == {"new": len(objects_kept), "there": 0, "refused": []}
    assert json.loads(run(*bring)) == {"new": 0, "there": len(objects_kept), "refused": []}
    run("verify", "--data", data)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [KEYHAVEN, "serve", "--data", str(data), "--listen", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL
    )
    pki = data / "pki"
    client = ProxyKmipClient(
        hostname="127.0.0.1", port=port, cert=str(pki / "clients/pykmip.pem"), key=str(pki / "clients/pykmip.key"),
        ca=str(pki / "ca.pem"), kmip_version=enums.KMIPVersion.KMIP_1_4,
    )
    try:
        end = time.time() + 60
        while True:
            try:
                client.open()
                break
            except OSError:
                assert time.time() < end, "the server is not ready"
                time.sleep(0.05)
        yield client
        client.close()
    finally:
        server.terminate()
        server.wait()


def test_every_object_comes_back_as_it_was(kept, moved):
    for identifier, one in kept[1].items():
        gone = getattr(one, "state", None) in (enums.State.DESTROYED, enums.State.DESTROYED_COMPROMISED)
        if gone:
            with pytest.raises(exceptions.KmipOperationFailure):
                moved.get(identifier)
            continue
        if getattr(one, "key_wrapping_data", None):
            # Its Key Value is a Byte String (2.1 table 12), which this client does not read.
            continue
        found = moved.get(identifier)
        assert type(found) is type(one)
        assert found.value == one.value


def test_states_names_and_dates_come_along(kept, moved):
    for identifier, one in kept[1].items():
        _, attributes = moved.get_attributes(identifier, ["State", "Name", "Initial Date"])
        values = {}
        for attribute in attributes:
            values.setdefault(attribute.attribute_name.value, []).append(attribute.attribute_value)
        assert [name.name_value.value for name in values["Name"]] == list(one.names)
        assert values["Initial Date"][0].value == BEGUN
        if hasattr(one, "state"):
            assert values["State"][0].value == one.state, one.names


def test_application_data_and_groups_come_along(moved):
    _, attributes = moved.get_attributes("1", ["Application Specific Information", "Object Group"])
    application, group = (attribute.attribute_value for attribute in attributes)
    assert (application.application_namespace, application.application_data) == ("space", "data")
    assert group.value == "group"


def test_another_file_is_named(tmp_path, data):
    other = tmp_path / "other"
    other.write_text("no database")
    run("import", "pykmip", other, "--data", data, "--dry-run", code=1)


def test_an_object_without_an_owner_needs_one(kept, data, tmp_path):
    path = tmp_path / "pykmip.database"
    path.write_bytes(kept[0].read_bytes())
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE managed_objects SET owner = NULL WHERE uid = 3"))
    run("import", "pykmip", path, "--data", data, "--dry-run", code=1)
    listed = json.loads(run("import", "pykmip", path, "--data", data, "--dry-run", "--json", "--owner", "heir"))
    assert [one["owner"] for one in listed["objects"]].count("heir") == 1
