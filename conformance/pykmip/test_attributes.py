"""Get Attributes, Get Attribute List, Modify, Delete and Set Attribute. PyKMIP has no Add Attribute."""

import pytest
from kmip.core import enums, exceptions, objects, primitives
from kmip.core.attributes import Name
from kmip.core.enums import CryptographicUsageMask as Mask

from conftest import attribute, attributes, fails, is_2x, missing

MASKS = [Mask.ENCRYPT, Mask.DECRYPT]
Reasons = enums.ResultReason


@pytest.fixture
def uid(client, name):
    made = client.create(enums.CryptographicAlgorithm.AES, 256, name=name, cryptographic_usage_mask=MASKS)
    yield made
    client.destroy(made)


def named(text):
    return Name.create(name_value=text, name_type=enums.NameType.UNINTERPRETED_TEXT_STRING)


def test_get_attribute_list(client, uid):
    names = client.get_attribute_list(uid)
    assert len(names) == len(set(names))
    assert set(names) >= {
        "Unique Identifier", "Object Type", "Name", "Cryptographic Algorithm", "Cryptographic Length",
        "Cryptographic Usage Mask", "State", "Initial Date", "Last Change Date", "Digest",
    }


def test_get_attributes_by_name(client, uid):
    wanted = ["Cryptographic Algorithm", "Cryptographic Length", "Cryptographic Usage Mask", "State", "Object Type"]
    assert attributes(client, uid, *wanted) == {
        "Cryptographic Algorithm": enums.CryptographicAlgorithm.AES,
        "Cryptographic Length": 256,
        "Cryptographic Usage Mask": Mask.ENCRYPT.value | Mask.DECRYPT.value,
        "State": enums.State.PRE_ACTIVE,
        "Object Type": enums.ObjectType.SYMMETRIC_KEY,
    }


def test_absent_attributes_are_left_out(client, uid):
    assert attributes(client, uid, "Deactivation Date") == {}
    assert attributes(client, uid, "Destroy Date", "Cryptographic Length") == {"Cryptographic Length": 256}


def test_operation_policy_name(client, version, name):
    uid = client.create(
        enums.CryptographicAlgorithm.AES, 128, operation_policy_name=None if is_2x(version) else "default",
        name=name, cryptographic_usage_mask=MASKS,
    )
    found = attributes(client, uid, "State", *([] if is_2x(version) else ["Operation Policy Name"]))
    assert found.get("Operation Policy Name") == (None if is_2x(version) else "default")


def test_modify_a_name(client, version, uid, name):
    new = f"{name}-renamed"
    if is_2x(version):
        changed, shown = client.modify_attribute(
            uid,
            current_attribute=objects.CurrentAttribute(attribute=named(name)),
            new_attribute=objects.NewAttribute(attribute=named(new)),
        )
        assert shown is None
    else:
        changed, shown = client.modify_attribute(uid, attribute=attribute(enums.AttributeType.NAME, named(new), 0))
        assert shown.attribute_name.value == "Name"
        assert shown.attribute_value.name_value.value == new
    assert changed == uid
    assert client.locate(attributes=[attribute(enums.AttributeType.NAME, named(new))]) == [uid]
    assert client.locate(attributes=[attribute(enums.AttributeType.NAME, named(name))]) == []


def test_modify_what_only_the_server_sets(client, version, uid):
    reasons = (Reasons.ATTRIBUTE_READ_ONLY, Reasons.READ_ONLY_ATTRIBUTE) if is_2x(version) else (Reasons.PERMISSION_DENIED,)
    if is_2x(version):
        new = objects.NewAttribute(attribute=primitives.Integer(128, enums.Tags.CRYPTOGRAPHIC_LENGTH))
        with fails(*reasons):
            client.modify_attribute(uid, new_attribute=new)
    else:
        with fails(*reasons):
            client.modify_attribute(uid, attribute=attribute(enums.AttributeType.CRYPTOGRAPHIC_LENGTH, 128))


def test_modify_of_no_such_object(client, version):
    with fails(missing(version)):
        if is_2x(version):
            client.modify_attribute("none", new_attribute=objects.NewAttribute(attribute=named("x")))
        else:
            client.modify_attribute("none", attribute=attribute(enums.AttributeType.NAME, named("x"), 0))


def test_delete_a_name(client, version, uid, name):
    if is_2x(version):
        changed, shown = client.delete_attribute(
            uid, current_attribute=objects.CurrentAttribute(attribute=named(name))
        )
        assert shown is None
    else:
        changed, shown = client.delete_attribute(uid, attribute_name="Name", attribute_index=0)
        assert shown.attribute_value.name_value.value == name
    assert changed == uid
    assert attributes(client, uid, "Name") == {}
    assert client.locate(attributes=[attribute(enums.AttributeType.NAME, named(name))]) == []


def test_delete_what_must_stay(client, version, uid):
    if is_2x(version):
        current = objects.CurrentAttribute(attribute=primitives.Integer(256, enums.Tags.CRYPTOGRAPHIC_LENGTH))
        with fails(Reasons.ATTRIBUTE_READ_ONLY, Reasons.READ_ONLY_ATTRIBUTE):
            client.delete_attribute(uid, current_attribute=current)
    else:
        with fails(Reasons.PERMISSION_DENIED):
            client.delete_attribute(uid, attribute_name="Cryptographic Length")
        with fails(Reasons.ITEM_NOT_FOUND):
            client.delete_attribute(uid, attribute_name="Contact Information")


def test_set_attribute(client, version, uid):
    if not is_2x(version):
        # PyKMIP does not even write it.
        with pytest.raises(exceptions.VersionNotSupported):
            client.set_attribute(uid, attribute_name="Sensitive", attribute_value=True)
        return
    assert client.set_attribute(uid, attribute_name="Sensitive", attribute_value=True) == uid
    assert attributes(client, uid, "Sensitive") == {"Sensitive": True}
    with fails(Reasons.ATTRIBUTE_READ_ONLY, Reasons.READ_ONLY_ATTRIBUTE):
        client.set_attribute(uid, attribute_name="Cryptographic Length", attribute_value=128)


def test_low_level(proxy, uid):
    got = proxy.get_attributes(uid, ["State"])
    assert got.result_status.value == enums.ResultStatus.SUCCESS
    assert got.uuid == uid
    listed = proxy.get_attribute_list(uid)
    assert listed.result_status.value == enums.ResultStatus.SUCCESS
    assert "State" in listed.names
