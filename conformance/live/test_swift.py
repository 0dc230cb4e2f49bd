"""OpenStack Swift's KMIP keymaster, as a proxy server loads it: it fetches its root secrets from the server when it starts,
and Swift's own encryption works with them. Behind both is a dictionary instead of object servers."""

import pytest
from kmip.core import enums
from kmip.pie.client import ProxyKmipClient
from swift.common.middleware import crypto
from swift.common.middleware.crypto import kmip_keymaster
from swift.common.swob import Request, Response

AES = enums.CryptographicAlgorithm.AES
PATH = "/v1/account/container/object"
PLAIN = b"what nobody may read on a disk" * 10


class Objects:
    """What a proxy's objects come to: bodies and headers by path."""

    def __init__(self):
        self.stored = {}

    def __call__(self, environ, start_response):
        request = Request(environ)
        if request.method == "PUT" and request.path.count("/") == 4:
            body = request.environ["wsgi.input"].read()
            footers = {}
            request.environ["swift.callback.update_footers"](footers)
            headers = {key: value for key, value in request.headers.items() if key.lower().startswith("x-object-")}
            headers.update({key: value for key, value in footers.items() if key.lower().startswith("x-object-")})
            self.stored[request.path] = (body, headers, footers["Etag"])
            return Response(status=201, request=request)(environ, start_response)
        if request.method == "GET" and request.path in self.stored:
            body, headers, etag = self.stored[request.path]
            answer = Response(status=200, body=body, headers=headers, request=request)
            answer.etag = etag
            return answer(environ, start_response)
        return Response(status=404, request=request)(environ, start_response)


@pytest.fixture
def client(subject):
    with ProxyKmipClient(
        hostname=subject["host"], port=int(subject["port"]), cert=subject["certfile"], key=subject["keyfile"],
        ca=subject["ca_certs"],
    ) as client:
        yield client


@pytest.fixture
def keymaster(subject, tmp_path):
    """Makes keymasters from a configuration file of their own, in front of `behind`."""
    def make(behind=None, **options):
        settings = dict(subject, **options)
        file = tmp_path / "keymaster.conf"
        file.write_text("\n".join(["[kmip_keymaster]", *(f"{key} = {value}" for key, value in settings.items()), ""]))
        factory = kmip_keymaster.filter_factory(
            {}, keymaster_config_path=str(file), __file__=str(file), __name__="kmip_keymaster"
        )
        return factory(behind)

    return make


def test_the_root_secret_is_fetched(client, keymaster):
    key_id = client.create(AES, 256)
    made = keymaster(key_id=key_id)
    assert made._root_secrets == {None: client.get(key_id).value}
    assert len(made.root_secret) == 32
    # Another proxy derives the same keys.
    assert keymaster(key_id=key_id).create_key("/account", None) == made.create_key("/account", None)


def test_several_secrets_one_of_them_active(client, keymaster):
    old, new = client.create(AES, 256), client.create(AES, 256)
    made = keymaster(key_id=old, key_id_2026=new, key_id_again=old, active_root_secret_id="2026")
    assert made.active_secret_id == "2026"
    values = {None: client.get(old).value, "2026": client.get(new).value, "again": client.get(old).value}
    assert made._root_secrets == values
    assert values[None] != values["2026"]


def test_objects_are_encrypted_with_keys_of_the_root_secret(client, keymaster):
    objects = Objects()
    key_id = client.create(AES, 256)

    def proxy():
        return keymaster(crypto.filter_factory({})(objects), key_id=key_id)

    assert Request.blank(PATH, method="PUT", body=PLAIN).get_response(proxy()).status_int == 201
    body, headers, _ = objects.stored[PATH]
    assert len(body) == len(PLAIN) and body != PLAIN and PLAIN[:16] not in body
    # Another proxy, which has only the server to know the key from.
    answer = Request.blank(PATH).get_response(proxy())
    assert (answer.status_int, answer.body) == (200, PLAIN)
    # And one with another root secret reads nothing.
    other = keymaster(crypto.filter_factory({})(objects), key_id=client.create(AES, 256))
    answer = Request.blank(PATH).get_response(other)
    assert answer.body != PLAIN


def test_a_key_that_is_no_aes_256_is_refused(client, keymaster):
    with pytest.raises(ValueError, match="AES-256"):
        keymaster(key_id=client.create(AES, 128))


def test_a_key_that_is_not_there_stops_the_proxy(client, keymaster):
    key_id = client.create(AES, 256)
    client.destroy(key_id)
    for missing in [key_id, "no-such-key"]:
        with pytest.raises(Exception, match="(?i)not.found|destroyed"):
            keymaster(key_id=missing)
