#!/bin/sh
# Makes a test authority with certificates for a server and some clients, and a data directory around them, with the
# keyhaven binary. Nothing of it belongs into a repository: it holds private keys.
#
# usage: certs/make-test-certs.sh DIR [CLIENT...]
# The binary is $KEYHAVEN_BIN, or the one that cargo builds.
set -eu

if [ $# -lt 1 ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
directory=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)

keyhaven() {
    if [ -n "${KEYHAVEN_BIN:-}" ]; then
        "$KEYHAVEN_BIN" "$@"
    else
        cargo run --quiet --manifest-path "$root/Cargo.toml" --bin keyhaven -- "$@"
    fi
}

keyhaven init --data "$directory" --host localhost --host 127.0.0.1
if [ $# -gt 0 ]; then
    keyhaven cert issue "$@" --data "$directory"
fi
keyhaven cert list --data "$directory"
