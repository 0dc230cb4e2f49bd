#!/usr/bin/env bash
# From a fresh checkout to a server that real clients use: builds Keyhaven, starts it on 127.0.0.1:5696 with a data
# directory of its own, and shows a key created, fetched and destroyed by PyKMIP and by Keyhaven's own client.
#
# usage: examples/quickstart.sh [--once]
#   --once   stop the server afterwards; without it the server goes on in the foreground until Ctrl-C
#
# DATA=DIR      data directory (default: target/quickstart; a temporary one with --once)
# KEYHAVEN_BIN=FILE  a binary to use instead of building one
set -euo pipefail

once=no
case "${1:-}" in
    "") ;;
    --once) once=yes ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$target"
say() { printf '\n== %s\n' "$*"; }

say "Building"
if [ -z "${KEYHAVEN_BIN:-}" ]; then
    cargo build --release --manifest-path "$root/Cargo.toml" --bin keyhaven
    KEYHAVEN_BIN=$target/release/keyhaven
fi
"$KEYHAVEN_BIN" --version

scratch=$(mktemp -d)
if [ "$once" = yes ]; then
    data=${DATA:-$scratch/data}
else
    data=${DATA:-$target/quickstart}
fi

say "Starting the server"
log=$scratch/log
"$KEYHAVEN_BIN" quickstart --data "$data" >"$log" 2>&1 &
server=$!
stop() {
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    rm -rf "$scratch"
}
trap stop EXIT
for attempt in $(seq 100); do
    if "$KEYHAVEN_BIN" client --data "$data" query --function server-information >/dev/null 2>&1; then
        break
    fi
    if ! kill -0 "$server" 2>/dev/null || [ "$attempt" = 100 ]; then
        cat "$log"
        echo "the server did not start" >&2
        exit 1
    fi
    sleep 0.2
done
cat "$log"

say "PyKMIP: a key's life"
venv=$target/venv
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
"$venv/bin/python" -c 'import kmip' 2>/dev/null || "$venv/bin/pip" install --quiet PyKMIP==0.11.0
"$venv/bin/python" "$root/examples/pykmip_session.py" "$data/pykmip.conf"

say "keyhaven client: a key's life"
client() { "$KEYHAVEN_BIN" client --data "$data" "$@"; }
created=$(client create --algorithm AES --length 256 --activate)
echo "$created"
id=${created#created }
client get "$id" --out "$scratch/key.bin"
client attributes "$id" --attribute State --attribute "Cryptographic Length" --attribute "Initial Date"
client revoke "$id" --reason cessation-of-operation
client destroy "$id"

if [ "$once" = yes ]; then
    say "Done; stopping the server"
    exit 0
fi
say "The server goes on; stop it with Ctrl-C. Data: $data"
wait "$server"
