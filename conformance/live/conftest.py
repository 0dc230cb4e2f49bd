"""Where the server is, and what a client shows it."""

import os
import pathlib
import shutil

import pytest


@pytest.fixture
def subject(request, tmp_path):
    """Host and port of the server and the files of the client that the test module is named after."""
    name = request.module.__name__.removeprefix("test_")
    host, _, port = os.environ["KEYHAVEN_SUBJECT"].rpartition(":")
    pki = pathlib.Path(os.environ["KEYHAVEN_PKI"])
    if not (pki / "clients" / f"{name}.pem").exists():
        name = "admin"
    # Barbican takes a key file only if its owner can just read it.
    key = tmp_path / "client.key"
    shutil.copyfile(pki / "clients" / f"{name}.key", key)
    key.chmod(0o400)
    return {
        "host": host,
        "port": port,
        "certfile": str(pki / "clients" / f"{name}.pem"),
        "keyfile": str(key),
        "ca_certs": str(pki / "ca.pem"),
    }
