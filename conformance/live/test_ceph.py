"""Ceph's object gateway with SSE-KMS, asked by an S3 client: keys are found in the server by name, and fetched for each
object that is written or read. What lies in the OSD is looked at with `rados`."""

import os
import subprocess
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from kmip.core import enums
from kmip.pie.client import ProxyKmipClient

PLAIN = b"what nobody may read on a disk. " * 1024
DATA = "default.rgw.buckets.data"


@pytest.fixture
def kmip(subject):
    with ProxyKmipClient(
        hostname=subject["host"], port=int(subject["port"]), cert=subject["certfile"], key=subject["keyfile"],
        ca=subject["ca_certs"],
    ) as client:
        yield client


@pytest.fixture
def key(kmip):
    """The name of a new key, as an S3 client says it, and its identifier; the gateway's template adds `live-`."""
    name = str(uuid.uuid4())
    return name, kmip.create(enums.CryptographicAlgorithm.AES, 256, name=f"live-{name}")


@pytest.fixture
def bucket():
    s3 = boto3.resource(
        "s3", endpoint_url=os.environ["GATEWAY"], aws_access_key_id="live", aws_secret_access_key="live-secret",
        region_name="default", config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )
    return s3.create_bucket(Bucket=f"live-{uuid.uuid4()}")


def at_rest():
    """Everything in the pool of objects' data."""
    names = subprocess.run(["rados", "-p", DATA, "ls"], check=True, capture_output=True, text=True).stdout.split()
    read = [subprocess.run(["rados", "-p", DATA, "get", name, "-"], check=True, capture_output=True) for name in names]
    return b"".join(one.stdout for one in read)


def put(bucket, name, key):
    return bucket.put_object(Key=name, Body=PLAIN, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)


def test_an_object_is_encrypted_with_a_key_of_the_server(bucket, key):
    name, _ = key
    put(bucket, "object", name)
    found = bucket.Object("object").get()
    assert found["Body"].read() == PLAIN
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", name)
    resting = at_rest()
    assert len(resting) >= len(PLAIN)
    assert PLAIN[:32] not in resting
    # The same without encryption, to know that this is where it would be.
    bucket.put_object(Key="plain", Body=PLAIN)
    assert PLAIN in at_rest()


def test_objects_under_two_keys(bucket, key, kmip):
    other = str(uuid.uuid4())
    kmip.create(enums.CryptographicAlgorithm.AES, 256, name=f"live-{other}")
    put(bucket, "one", key[0])
    put(bucket, "two", other)
    assert [bucket.Object(name).get()["Body"].read() for name in ("one", "two")] == [PLAIN, PLAIN]


def test_each_read_fetches_the_key(bucket, key, kmip):
    name, identifier = key
    put(bucket, "object", name)
    assert bucket.Object("object").get()["Body"].read() == PLAIN
    kmip.destroy(identifier)
    with pytest.raises(ClientError):
        bucket.Object("object").get()


def test_an_unknown_key_writes_nothing(bucket):
    with pytest.raises(ClientError):
        put(bucket, "object", "no-such-key")
    assert list(bucket.objects.all()) == []
