"""Locate: each filter alone and together, exact names, pages."""

import time

import pytest
from kmip.core import enums
from kmip.core.attributes import Name
from kmip.core.enums import CryptographicUsageMask as Mask
from kmip.pie import objects

from conftest import attribute, fails

A = enums.AttributeType


def by_name(text):
    return attribute(A.NAME, Name.create(name_value=text, name_type=enums.NameType.UNINTERPRETED_TEXT_STRING))


@pytest.fixture
def three(client, name):
    """An AES-128 key, an AES-256 key that is active, a password; their names differ in the last letter."""
    masks = [Mask.ENCRYPT, Mask.DECRYPT]
    small = client.create(enums.CryptographicAlgorithm.AES, 128, name=f"{name}-a", cryptographic_usage_mask=masks)
    large = client.create(enums.CryptographicAlgorithm.AES, 256, name=f"{name}-b", cryptographic_usage_mask=masks)
    client.activate(large)
    password = objects.SecretData(b"secret", enums.SecretDataType.PASSWORD, name=f"{name}-c")
    secret = client.register(password)
    yield small, large, secret
    client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, large)
    for uid in (small, large, secret):
        client.destroy(uid)


def test_by_name(client, three, name):
    for uid, letter in zip(three, "abc"):
        assert client.locate(attributes=[by_name(f"{name}-{letter}")]) == [uid]
    for wrong in (name, f"{name}-", f"{name}-A", f"{name}-aa", "*", ""):
        assert client.locate(attributes=[by_name(wrong)]) == [], wrong


@pytest.mark.parametrize(
    "kind, value, found",
    [
        (A.OBJECT_TYPE, enums.ObjectType.SYMMETRIC_KEY, "ab"),
        (A.OBJECT_TYPE, enums.ObjectType.SECRET_DATA, "c"),
        (A.CRYPTOGRAPHIC_ALGORITHM, enums.CryptographicAlgorithm.AES, "ab"),
        (A.CRYPTOGRAPHIC_LENGTH, 256, "b"),
        (A.STATE, enums.State.ACTIVE, "b"),
        (A.STATE, enums.State.PRE_ACTIVE, "ac"),
        (A.CRYPTOGRAPHIC_USAGE_MASK, [Mask.ENCRYPT, Mask.DECRYPT], "ab"),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_by_one_attribute(client, three, kind, value, found):
    located = client.locate(attributes=[attribute(kind, value)])
    assert {uid for uid in located if uid in three} == {three["abc".index(letter)] for letter in found}
    assert len(located) == len(set(located))


def test_by_several_attributes(client, three, name):
    small, large, _ = three
    assert client.locate(attributes=[by_name(f"{name}-a"), attribute(A.CRYPTOGRAPHIC_LENGTH, 128)]) == [small]
    assert client.locate(attributes=[by_name(f"{name}-a"), attribute(A.CRYPTOGRAPHIC_LENGTH, 256)]) == []
    assert client.locate(
        attributes=[by_name(f"{name}-b"), attribute(A.STATE, enums.State.ACTIVE),
                    attribute(A.OBJECT_TYPE, enums.ObjectType.SYMMETRIC_KEY)]
    ) == [large]


def test_by_unique_identifier(client, three):
    for uid in three:
        assert client.locate(attributes=[attribute(A.UNIQUE_IDENTIFIER, uid)]) == [uid]


def test_by_range_of_initial_date(client, three):
    now = int(time.time())
    between = [attribute(A.INITIAL_DATE, now - 600), attribute(A.INITIAL_DATE, now + 600)]
    assert set(three) <= set(client.locate(attributes=between))
    before = [attribute(A.INITIAL_DATE, now - 7200), attribute(A.INITIAL_DATE, now - 3600)]
    assert not set(three) & set(client.locate(attributes=before))


def test_pages(client, version, three):
    everything = client.locate()
    assert set(three) <= set(everything)
    assert client.locate() == everything
    assert client.locate(maximum_items=2) == everything[:2]
    if version < enums.KMIPVersion.KMIP_1_3:
        return
    assert client.locate(offset_items=1) == everything[1:]
    assert client.locate(maximum_items=2, offset_items=1) == everything[1:3]
    assert client.locate(offset_items=len(everything)) == []


def test_storage_status(client, three):
    on_line = enums.StorageStatusMask.ONLINE_STORAGE.value
    assert set(three) <= set(client.locate(storage_status_mask=on_line))
    archived = client.locate(storage_status_mask=enums.StorageStatusMask.ARCHIVAL_STORAGE.value)
    assert not set(three) & set(archived)


def test_low_level(proxy, three, name):
    result = proxy.locate(maximum_items=1, attributes=[by_name(f"{name}-c")])
    assert result.result_status.value == enums.ResultStatus.SUCCESS
    assert result.uuids == [three[2]]


def test_negative_numbers(client, version):
    reasons = (enums.ResultReason.INVALID_FIELD, enums.ResultReason.INVALID_MESSAGE)
    with fails(*reasons):
        client.locate(maximum_items=-1)
