"""Discover Versions and Query, by the low-level client; both clients are refused nothing here."""

import pytest
from kmip.core import enums
from kmip.core.messages.contents import ProtocolVersion

ALL_1X = [(1, 4), (1, 3), (1, 2), (1, 1), (1, 0)]


def numbers(versions):
    return [(version.major, version.minor) for version in versions]


def test_discover_versions(proxy, version):
    if version == enums.KMIPVersion.KMIP_1_0:
        pytest.skip("Discover Versions came with 1.1, and PyKMIP cannot read its failure")
    result = proxy.discover_versions()
    assert result.result_status.value == enums.ResultStatus.SUCCESS
    found = numbers(result.protocol_versions)
    assert found == sorted(found, reverse=True)
    assert [one for one in found if one[0] == 1] == ALL_1X
    assert (2, 0) in found


@pytest.mark.parametrize(
    "asked, expected",
    [
        ([(1, 2)], [(1, 2)]),
        ([(1, 4), (1, 3), (1, 2), (1, 1), (1, 0)], ALL_1X),
        ([(9, 0), (1, 1)], [(1, 1)]),
        ([(0, 1)], []),
    ],
)
def test_discover_versions_of_a_list(proxy, version, asked, expected):
    if version == enums.KMIPVersion.KMIP_1_0:
        pytest.skip("Discover Versions came with 1.1")
    result = proxy.discover_versions(protocol_versions=[ProtocolVersion(*one) for one in asked])
    assert result.result_status.value == enums.ResultStatus.SUCCESS
    assert numbers(result.protocol_versions) == expected


def test_query(proxy, version):
    result = proxy.query(
        query_functions=[
            enums.QueryFunction.QUERY_OPERATIONS,
            enums.QueryFunction.QUERY_OBJECTS,
            enums.QueryFunction.QUERY_SERVER_INFORMATION,
            enums.QueryFunction.QUERY_APPLICATION_NAMESPACES,
        ]
    )
    assert result.result_status.value == enums.ResultStatus.SUCCESS
    operations = {enums.Operation(getattr(one, "value", one)) for one in result.operations}
    wanted = enums.Operation
    assert operations >= {
        wanted.CREATE, wanted.REGISTER, wanted.LOCATE, wanted.GET, wanted.GET_ATTRIBUTES, wanted.GET_ATTRIBUTE_LIST,
        wanted.ADD_ATTRIBUTE, wanted.MODIFY_ATTRIBUTE, wanted.DELETE_ATTRIBUTE, wanted.ACTIVATE, wanted.REVOKE,
        wanted.DESTROY, wanted.QUERY, wanted.CHECK,
    }
    assert (wanted.DISCOVER_VERSIONS in operations) == (version > enums.KMIPVersion.KMIP_1_0)
    assert (wanted.SET_ATTRIBUTE in operations) == (version >= enums.KMIPVersion.KMIP_2_0)
    objects = {enums.ObjectType(getattr(one, "value", one)) for one in result.object_types}
    assert objects >= {
        enums.ObjectType.SYMMETRIC_KEY, enums.ObjectType.PUBLIC_KEY, enums.ObjectType.PRIVATE_KEY,
        enums.ObjectType.SECRET_DATA, enums.ObjectType.OPAQUE_DATA, enums.ObjectType.CERTIFICATE,
    }
    assert result.vendor_identification
