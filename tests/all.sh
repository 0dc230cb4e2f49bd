#!/usr/bin/env bash
# Every test: unit tests, the standard's test cases, and clients over mutual TLS. Installs what it needs where it can,
# and ends with a line of counts.
#
# usage: tests/all.sh
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
export CARGO_TARGET_DIR=$target
mkdir -p "$target"

# Tools of the system: a C compiler for aws-lc-rs and the venv module for PyKMIP. Packages are installed only as root.
packages=()
command -v cc >/dev/null || packages+=(gcc)
command -v cmake >/dev/null || packages+=(cmake)
python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3-venv)
if [ "${#packages[@]}" -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get install --yes --no-install-recommends "${packages[@]}"
    else
        echo "please install: ${packages[*]}" >&2
        exit 1
    fi
fi

venv=$target/venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import kmip' 2>/dev/null || "$venv/bin/pip" install --quiet PyKMIP==0.11.0
export KEYHAVEN_TEST_PYTHON=$venv/bin/python

cargo build --workspace --all-targets

# Each test program ends with "test result: ok. N passed; M failed; K ignored; ...": those lines are added up.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
cargo test --workspace --no-fail-fast 2>&1 | tee "$log" || status=$?

session=ok
bash examples/quickstart.sh --once || session=failed
[ "$session" = ok ] || status=1

awk -v session="$session" '
    /^test result:/ {
        for (i = 1; i < NF; i++) {
            if ($(i + 1) ~ /^passed/) passed += $i
            if ($(i + 1) ~ /^failed/) failed += $i
            if ($(i + 1) ~ /^ignored/) ignored += $i
        }
    }
    END {
        printf "\ncargo tests: %d passed, %d failed, %d ignored\n", passed, failed, ignored
        printf "PyKMIP and client session over mutual TLS: %s\n", session
    }' "$log"
exit "$status"
