"""The subject, one open client for each KMIP version, and small helpers for exact asserts."""

import contextlib
import os
import pathlib
import time
import uuid

import pytest
from kmip.core import enums, exceptions
from kmip.core.factories.attributes import AttributeFactory
from kmip.pie import exceptions as pie_exceptions
from kmip.pie.client import ProxyKmipClient
from kmip.services.kmip_client import KMIPProxy

VERSIONS = list(enums.KMIPVersion)
HERE = pathlib.Path(__file__).parent
FACTORY = AttributeFactory()


def later():
    """The operations whose tests wait."""
    if os.environ.get("KEYHAVEN_LATER") == "run":
        return set()
    lines = (HERE / "later.txt").read_text().splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def pytest_collection_modifyitems(items):
    waiting = later()
    for item in items:
        for mark in item.iter_markers("operation"):
            if mark.args[0] in waiting:
                item.add_marker(pytest.mark.skip(reason=f"later.txt: {mark.args[0]}"))


def settings(name="pykmip"):
    """Where the subject is and what to show it. A server that is not ours has perhaps only an administrator."""
    host, _, port = os.environ["KEYHAVEN_SUBJECT"].rpartition(":")
    pki = pathlib.Path(os.environ["KEYHAVEN_PKI"])
    clients = pki / "clients"
    if not (clients / f"{name}.pem").exists():
        name = "admin"
    certificate, key = str(clients / f"{name}.pem"), str(clients / f"{name}.key")
    return host, int(port), certificate, key, str(pki / "ca.pem")


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda version: str(version.value))
def version(request):
    return request.param


@pytest.fixture
def client(version):
    """ProxyKmipClient on a connection of its own: a test that leaves an answer unread does not break the next."""
    host, port, certificate, key, authority = settings()
    with ProxyKmipClient(
        hostname=host, port=port, cert=certificate, key=key, ca=authority, kmip_version=version,
    ) as client:
        yield client


@pytest.fixture
def proxy(version):
    """The low-level client."""
    host, port, certificate, key, authority = settings()
    proxy = KMIPProxy(
        host=host, port=port, certfile=certificate, keyfile=key, ca_certs=authority, kmip_version=version,
    )
    proxy.open()
    yield proxy
    proxy.close()


@pytest.fixture
def name():
    return f"pykmip-{uuid.uuid4()}"


def is_2x(version):
    return version >= enums.KMIPVersion.KMIP_2_0


def missing(version):
    """The reason for an identifier that names nothing (1.4 §11; 2.0 §6.1, tables of errors)."""
    return enums.ResultReason.OBJECT_NOT_FOUND if is_2x(version) else enums.ResultReason.ITEM_NOT_FOUND


def wrong_state(version):
    """The reason for an operation that the object's state does not allow."""
    return enums.ResultReason.WRONG_KEY_LIFECYCLE_STATE if is_2x(version) else enums.ResultReason.PERMISSION_DENIED


@contextlib.contextmanager
def fails(*reasons):
    """The operation fails, for one of these reasons and with a message."""
    failures = (pie_exceptions.KmipOperationFailure, exceptions.OperationFailure)
    with pytest.raises(failures) as caught:
        yield
    error = caught.value
    assert error.status == enums.ResultStatus.OPERATION_FAILED
    assert error.reason in reasons
    assert getattr(error, "message", None) or str(error)


def attribute(kind, value, index=None):
    return FACTORY.create_attribute(kind, value, index)


def attributes(client, uid, *names):
    """Attributes by name as plain values; what is absent is not in the dict, several instances make a list."""
    found_uid, found = client.get_attributes(uid, list(names))
    assert found_uid == uid
    values = {}
    for one in found:
        value = one.attribute_value
        value = getattr(value, "value", value)
        values.setdefault(one.attribute_name.value, []).append(value)
    return {key: value[0] if len(value) == 1 else value for key, value in values.items()}


def state(client, uid):
    return attributes(client, uid, "State")["State"]


def is_now(date):
    return abs(date - time.time()) < 120
