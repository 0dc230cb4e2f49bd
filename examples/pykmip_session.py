#!/usr/bin/env python3
"""A key's life as a PyKMIP client sees it: create, find, fetch, activate, revoke, destroy.

usage: pykmip_session.py PYKMIP.CONF      (`keyhaven quickstart` writes such a file: DIR/pykmip.conf)
needs: pip install PyKMIP==0.11.0
"""

import secrets
import sys

from kmip.core import enums
from kmip.pie.client import ProxyKmipClient


def main(config_file):
    name = "pykmip-session-" + secrets.token_hex(4)
    with ProxyKmipClient(config="client", config_file=config_file) as client:
        identifier = client.create(
            enums.CryptographicAlgorithm.AES,
            256,
            name=name,
            cryptographic_usage_mask=[enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT],
        )
        print(f"created    {identifier}  named {name}")

        key = client.get(identifier)
        print(f"fetched    {identifier}  {key.cryptographic_algorithm.name}, {len(key.value) * 8} bits")
        assert len(key.value) == 32

        client.activate(identifier)
        print(f"activated  {identifier}")

        client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, identifier)
        print(f"revoked    {identifier}")

        client.destroy(identifier)
        print(f"destroyed  {identifier}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
