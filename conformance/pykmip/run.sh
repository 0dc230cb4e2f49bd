#!/bin/sh
# Runs the PyKMIP suite. Makes a virtual environment once, starts a server in a throw-away directory unless
# KEYHAVEN_SUBJECT (host:port) and KEYHAVEN_PKI (directory) name one that runs, and hands the rest to pytest:
#   conformance/pykmip/run.sh -k "locate and 1.2"
# KEYHAVEN_BIN names the program; the default is the debug build.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
venv=$target/venv
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed.txt"
fi
if [ -n "${KEYHAVEN_SUBJECT:-}" ]; then
    cd "$here" && exec "$venv/bin/python" -B -m pytest "$@"
fi
keyhaven=${KEYHAVEN_BIN:-$target/debug/keyhaven}
work=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
ports=$("$venv/bin/python" -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(one.getsockname()[1] for one in held))')
# shellcheck disable=SC2086
set -- $ports -- "$@"
kmip=$1 https=$2 admin=$3
shift 4
"$keyhaven" init --data "$work/data" --host localhost --host 127.0.0.1 > "$work/init.log" 2>&1 || { cat "$work/init.log"; exit 1; }
"$keyhaven" cert issue pykmip other --data "$work/data" > "$work/issue.log" 2>&1 || { cat "$work/issue.log"; exit 1; }
"$keyhaven" serve --data "$work/data" --listen "127.0.0.1:$kmip" --https "127.0.0.1:$https" \
    --admin "127.0.0.1:$admin" > "$work/serve.log" 2>&1 &
server=$!
"$venv/bin/python" - "$admin" <<'PY' || { tail -n 20 "$work/serve.log"; exit 1; }
import sys, time, urllib.request
end = time.time() + 60
while True:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/readyz", timeout=5)
        break
    except OSError as error:
        if time.time() > end:
            sys.exit(f"the server is not ready: {error}")
        time.sleep(0.05)
PY
cd "$here"
status=0
KEYHAVEN_SUBJECT=127.0.0.1:$kmip KEYHAVEN_PKI=$work/data/pki KEYHAVEN_BIN=$keyhaven "$venv/bin/python" -B -m pytest "$@" || status=$?
[ $status -eq 0 ] || tail -n 20 "$work/serve.log"
exit $status
