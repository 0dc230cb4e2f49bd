# shellcheck shell=sh
# Sourced by the scripts that play clients as they are. It knows two things: how to get a virtual environment with the
# client in it, and how to run a server in a throw-away directory until the script ends.
#
# KEYHAVEN_BIN names the program; the default is the debug build. KEYHAVEN_SUBJECT (host:port) and KEYHAVEN_PKI
# (directory) name a server that runs already, which is then used.

conformance=$(CDPATH= cd -- "$here/.." && pwd)
target=${CARGO_TARGET_DIR:-$conformance/../target}
work=
server=

# Ends the server and what the script keeps in $work; a script that starts more overrides `stop_more`.
finish() {
    stop_more
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    [ -z "$work" ] || rm -rf "$work"
}
stop_more() { :; }
trap finish EXIT
trap 'exit 130' INT TERM

# The line of counts of a client that this machine cannot have.
skip() {
    echo "skipped: $1"
    echo "0 passed, 0 failed, 1 skipped in 0s"
    exit 0
}

# environment DIRECTORY REQUIREMENTS: makes it once, and again when the list changes. Sets $python.
environment() {
    python=$1/bin/python
    cmp -s "$2" "$1/installed.txt" && return
    python3 -m venv "$1" && "$python" -m pip install --quiet --requirement "$2" && cp "$2" "$1/installed.txt"
}

# free_ports COUNT: ports of the loopback that are free now.
free_ports() {
    "$python" -c '
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(one.getsockname()[1] for one in held))' "$1"
}

# serve NAME...: a server with a client certificate for each name. Sets $work and, for the tests,
# KEYHAVEN_SUBJECT, KEYHAVEN_PKI and KEYHAVEN_BIN.
serve() {
    work=$(mktemp -d)
    [ -z "${KEYHAVEN_SUBJECT:-}" ] || return 0
    keyhaven=${KEYHAVEN_BIN:-$target/debug/keyhaven}
    "$keyhaven" init --data "$work/data" --host localhost --host 127.0.0.1 > "$work/init.log" 2>&1 || {
        cat "$work/init.log"
        exit 1
    }
    "$keyhaven" cert issue "$@" --data "$work/data" > "$work/issue.log" 2>&1 || {
        cat "$work/issue.log"
        exit 1
    }
    # shellcheck disable=SC2046
    set -- $(free_ports 3)
    "$keyhaven" serve --data "$work/data" --listen "127.0.0.1:$1" --https "127.0.0.1:$2" --admin "127.0.0.1:$3" \
        > "$work/serve.log" 2>&1 &
    server=$!
    "$python" - "$3" <<'PY' || { tail -n 20 "$work/serve.log"; exit 1; }
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
    export KEYHAVEN_SUBJECT="127.0.0.1:$1" KEYHAVEN_PKI="$work/data/pki" KEYHAVEN_BIN="$keyhaven"
}

# tests ARGUMENT...: pytest in the folder of the script; if it fails, with the end of the server's log.
tests() {
    status=0
    (cd "$here" && "$python" -B -m pytest "$@") || status=$?
    [ $status -eq 0 ] || [ -z "$server" ] || tail -n 20 "$work/serve.log"
    return $status
}
