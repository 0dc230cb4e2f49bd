"""A second identity, with PyKMIP's own client: it sees nothing of the first one's."""

import os
import pathlib

import pytest
from kmip.core import enums
from kmip.core.enums import CryptographicUsageMask as Mask
from kmip.pie.client import ProxyKmipClient

from conftest import fails, missing, settings


def test_objects_are_their_owners(client, version):
    if not (pathlib.Path(os.environ["KEYHAVEN_PKI"]) / "clients" / "other.pem").exists():
        pytest.skip("the subject has one identity only")
    uid = client.create(enums.CryptographicAlgorithm.AES, 128, cryptographic_usage_mask=[Mask.ENCRYPT])
    host, port, certificate, key, authority = settings("other")
    other = ProxyKmipClient(
        hostname=host, port=port, cert=certificate, key=key, ca=authority, kmip_version=version,
    )
    with other:
        for call in (other.get, other.activate, other.destroy, other.get_attribute_list):
            with fails(missing(version), enums.ResultReason.PERMISSION_DENIED):
                call(uid)
        assert uid not in other.locate()
    assert len(client.get(uid).value) == 16
    client.destroy(uid)
