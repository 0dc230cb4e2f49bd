"""Create, Get, Activate, Revoke, Destroy, Check, with the states, dates and reasons of the specification."""

import time

import pytest
from kmip.core import enums
from kmip.core.attributes import Name
from kmip.core.enums import CryptographicUsageMask as Mask
from kmip.core.enums import RevocationReasonCode as Reason
from kmip.core.enums import State
from kmip.core.objects import TemplateAttribute

from conftest import attribute, attributes, fails, is_2x, is_now, missing, state, wrong_state

MASKS = [Mask.ENCRYPT, Mask.DECRYPT]


def create(client, length=256, **more):
    return client.create(enums.CryptographicAlgorithm.AES, length, cryptographic_usage_mask=MASKS, **more)


@pytest.mark.parametrize(
    "algorithm, length",
    [
        (enums.CryptographicAlgorithm.AES, 128),
        (enums.CryptographicAlgorithm.AES, 192),
        (enums.CryptographicAlgorithm.AES, 256),
        (enums.CryptographicAlgorithm.TRIPLE_DES, 192),
        (enums.CryptographicAlgorithm.HMAC_SHA256, 256),
    ],
)
def test_create_and_get(client, algorithm, length, name):
    uid = client.create(algorithm, length, name=name, cryptographic_usage_mask=MASKS)
    key = client.get(uid)
    assert key.object_type == enums.ObjectType.SYMMETRIC_KEY
    assert key.key_format_type == enums.KeyFormatType.RAW
    assert (key.cryptographic_algorithm, key.cryptographic_length) == (algorithm, length)
    assert len(key.value) * 8 == length
    assert client.get(uid).value == key.value
    found = attributes(client, uid, "State", "Initial Date", "Cryptographic Usage Mask", "Object Type", "Name")
    assert found["State"] == State.PRE_ACTIVE
    assert is_now(found["Initial Date"])
    assert found["Cryptographic Usage Mask"] == Mask.ENCRYPT.value | Mask.DECRYPT.value
    assert found["Object Type"] == enums.ObjectType.SYMMETRIC_KEY
    # A Name is a structure: its value is a text in PyKMIP's wrapper.
    assert name in str(found["Name"]) or found["Name"].name_value.value == name


def test_two_keys_differ(client):
    one, two = create(client), create(client)
    assert one != two
    assert client.get(one).value != client.get(two).value


def test_low_level_create_and_get(proxy, name):
    template = TemplateAttribute(
        attributes=[
            attribute(enums.AttributeType.CRYPTOGRAPHIC_ALGORITHM, enums.CryptographicAlgorithm.AES),
            attribute(enums.AttributeType.CRYPTOGRAPHIC_LENGTH, 128),
            attribute(enums.AttributeType.CRYPTOGRAPHIC_USAGE_MASK, MASKS),
            attribute(
                enums.AttributeType.NAME,
                Name.create(name_value=name, name_type=enums.NameType.UNINTERPRETED_TEXT_STRING),
            ),
        ]
    )
    made = proxy.create(enums.ObjectType.SYMMETRIC_KEY, template)
    assert made.result_status.value == enums.ResultStatus.SUCCESS
    uid = made.uuid
    got = proxy.get(uid)
    assert got.result_status.value == enums.ResultStatus.SUCCESS
    assert got.uuid == uid
    assert got.object_type == enums.ObjectType.SYMMETRIC_KEY
    assert proxy.activate(uid).result_status.value == enums.ResultStatus.SUCCESS
    revoked = proxy.revoke(Reason.CESSATION_OF_OPERATION, uid)
    assert revoked.result_status.value == enums.ResultStatus.SUCCESS
    destroyed = proxy.destroy(uid)
    assert destroyed.result_status.value == enums.ResultStatus.SUCCESS
    assert destroyed.uuid.value == uid


def test_what_is_not_there(client, version):
    for call in (
        lambda: client.get("no-such-object"),
        lambda: client.activate("no-such-object"),
        lambda: client.destroy("no-such-object"),
        lambda: client.revoke(Reason.KEY_COMPROMISE, "no-such-object"),
        lambda: client.get_attributes("no-such-object"),
        lambda: client.get_attribute_list("no-such-object"),
    ):
        with fails(missing(version)):
            call()


def test_activate(client, version):
    uid = create(client)
    client.activate(uid)
    found = attributes(client, uid, "State", "Activation Date", "Deactivation Date")
    assert found["State"] == State.ACTIVE
    assert is_now(found["Activation Date"])
    assert "Deactivation Date" not in found
    with fails(wrong_state(version)):
        client.activate(uid)


@pytest.mark.parametrize(
    "reason, after",
    [
        (Reason.UNSPECIFIED, State.DEACTIVATED),
        (Reason.KEY_COMPROMISE, State.COMPROMISED),
        (Reason.CA_COMPROMISE, State.COMPROMISED),
        (Reason.AFFILIATION_CHANGED, State.DEACTIVATED),
        (Reason.SUPERSEDED, State.DEACTIVATED),
        (Reason.CESSATION_OF_OPERATION, State.DEACTIVATED),
        (Reason.PRIVILEGE_WITHDRAWN, State.DEACTIVATED),
    ],
)
def test_revoke_and_destroy(client, version, reason, after):
    uid = create(client)
    client.activate(uid)
    with fails(wrong_state(version)):
        client.destroy(uid)
    client.revoke(reason, uid, revocation_message="because")
    found = attributes(
        client, uid, "State", "Deactivation Date", "Compromise Date", "Compromise Occurrence Date", "Destroy Date"
    )
    assert found["State"] == after
    if after == State.COMPROMISED:
        assert is_now(found["Compromise Date"])
    else:
        assert is_now(found["Deactivation Date"])
        assert "Compromise Date" not in found
    assert "Destroy Date" not in found
    client.destroy(uid)
    with fails(
        missing(version), enums.ResultReason.ITEM_NOT_FOUND, enums.ResultReason.PERMISSION_DENIED,
        enums.ResultReason.OBJECT_DESTROYED,
    ):
        client.get(uid)


def test_compromise_of_a_key_that_was_never_active(client):
    uid = create(client)
    then = int(time.time()) - 3600
    client.revoke(Reason.KEY_COMPROMISE, uid, compromise_occurrence_date=then)
    found = attributes(client, uid, "State", "Compromise Occurrence Date", "Compromise Date")
    assert found["State"] == State.COMPROMISED
    assert found["Compromise Occurrence Date"] == then
    assert is_now(found["Compromise Date"])
    client.destroy(uid)


def test_destroy_of_a_pre_active_key(client, version):
    uid = create(client)
    client.destroy(uid)
    with fails(
        enums.ResultReason.OBJECT_DESTROYED if is_2x(version) else enums.ResultReason.PERMISSION_DENIED,
    ):
        client.destroy(uid)
    assert uid not in client.locate()


def test_dates_decide_the_state(client, proxy):
    now = int(time.time())
    template = [
        attribute(enums.AttributeType.CRYPTOGRAPHIC_ALGORITHM, enums.CryptographicAlgorithm.AES),
        attribute(enums.AttributeType.CRYPTOGRAPHIC_LENGTH, 128),
        attribute(enums.AttributeType.CRYPTOGRAPHIC_USAGE_MASK, MASKS),
    ]

    def with_date(date):
        dated = template + [attribute(enums.AttributeType.ACTIVATION_DATE, date)]
        made = proxy.create(enums.ObjectType.SYMMETRIC_KEY, TemplateAttribute(attributes=dated))
        assert made.result_status.value == enums.ResultStatus.SUCCESS
        return made.uuid

    active, waiting = with_date(now - 60), with_date(now + 3600)
    assert state(client, active) == State.ACTIVE
    assert state(client, waiting) == State.PRE_ACTIVE
    assert attributes(client, waiting, "Activation Date")["Activation Date"] == now + 3600


def test_check(client):
    uid = create(client)
    client.activate(uid)
    assert client.check(uid, cryptographic_usage_mask=[Mask.ENCRYPT]) == uid
    assert client.check(uid, cryptographic_usage_mask=MASKS) == uid


def test_wrong_lengths(client, version):
    reasons = (
        (enums.ResultReason.INVALID_ATTRIBUTE_VALUE, enums.ResultReason.INVALID_FIELD)
        if is_2x(version)
        else (enums.ResultReason.INVALID_FIELD,)
    ) + (enums.ResultReason.CRYPTOGRAPHIC_FAILURE,)
    with fails(*reasons):
        client.create(enums.CryptographicAlgorithm.AES, 255, cryptographic_usage_mask=MASKS)
