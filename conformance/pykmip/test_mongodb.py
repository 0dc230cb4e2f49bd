"""MongoDB's own KMIP client: libmongocrypt, which every MongoDB driver and its shell use for client-side encryption. The
key vault is a dictionary; all else is as in the driver."""

import socket
import ssl
import uuid

import bson
import pytest
from pymongocrypt.mongocrypt import MongoCryptOptions
from pymongocrypt.synchronous.explicit_encrypter import ExplicitEncrypter
from pymongocrypt.synchronous.state_machine import MongoCryptCallback

from conftest import settings

RANDOM = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"


class Driver(MongoCryptCallback):
    """What a driver does for libmongocrypt."""

    def __init__(self, vault):
        self.vault = vault
        self.requests = 0

    def kms_request(self, kms_context):
        _, _, certificate, key, authority = settings()
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate, key)
        host, _, port = kms_context.endpoint.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as plain:
            with context.wrap_socket(plain, server_hostname=host) as tls:
                tls.sendall(kms_context.message)
                while kms_context.bytes_needed > 0:
                    answer = tls.recv(kms_context.bytes_needed)
                    assert answer, "the server closed the connection"
                    kms_context.feed(answer)
        self.requests += 1

    def insert_data_key(self, data_key):
        document = bson.decode(data_key)
        self.vault[bytes(document["_id"])] = data_key
        return document["_id"]

    def fetch_keys(self, filter):
        wanted = [bytes(one) for one in bson.decode(filter)["$or"][0]["_id"]["$in"]]
        return [self.vault[one] for one in wanted if one in self.vault]

    def bson_encode(self, doc):
        return bson.encode(doc)

    def collection_info(self, database, filter):
        raise AssertionError("explicit encryption looks at no collection")

    def mark_command(self, database, cmd):
        raise AssertionError("explicit encryption marks no command")

    def close(self):
        pass


@pytest.fixture
def vault():
    return {}


@pytest.fixture
def client(vault):
    """Makes clients of one key vault, each without what others have in memory."""
    made = []

    def make():
        host, port, *_ = settings()
        options = MongoCryptOptions({"kmip": {"endpoint": f"{host}:{port}"}})
        made.append(ExplicitEncrypter(Driver(vault), options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def encrypted(client, key_id, value):
    binary = client.encrypt(bson.encode({"v": value}), RANDOM, key_id=key_id)
    return bson.decode(binary)["v"]


def decrypted(client, binary):
    return bson.decode(client.decrypt(bson.encode({"v": binary})))["v"]


@pytest.mark.parametrize("master", [{}, {"delegated": True}], ids=["get", "delegated"])
def test_a_data_key_is_made_and_used(client, master):
    """A new master key: Register and Get of Secret Data, or Create, Encrypt and Decrypt if the server does the work."""
    first = client()
    key_id = first.create_data_key("kmip", master_key=master)
    assert first.callback.requests >= 2
    assert decrypted(first, encrypted(first, key_id, "secret")) == "secret"
    # Another process has only the vault and the server.
    second = client()
    assert decrypted(second, encrypted(first, key_id, "again")) == "again"
    assert second.callback.requests >= 1


def test_two_data_keys_under_one_master_key(client, vault):
    first = client()
    master = bson.decode(vault[bytes(first.create_data_key("kmip", master_key={}))])["masterKey"]
    assert master["provider"] == "kmip" and master["keyId"]
    key_id = first.create_data_key("kmip", master_key={"keyId": master["keyId"]})
    assert decrypted(client(), encrypted(first, key_id, 7)) == 7


def test_an_unknown_master_key_is_an_error(client):
    with pytest.raises(Exception, match="(?i)not.found|kmip|error"):
        client().create_data_key("kmip", master_key={"keyId": str(uuid.uuid4())})
