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

# Tools of the system: a C compiler for aws-lc-rs, the venv module for PyKMIP, an HSM in software, OpenSSL to compare
# with. Packages are installed only as root.
packages=()
command -v cc >/dev/null || packages+=(gcc libc6-dev)
python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3-venv)
command -v softhsm2-util >/dev/null || packages+=(softhsm2)
command -v openssl >/dev/null || packages+=(openssl)
if [ "${#packages[@]}" -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update --quiet
        apt-get install --yes --no-install-recommends "${packages[@]}"
    else
        echo "please install: ${packages[*]}" >&2
        exit 1
    fi
fi

cargo build --workspace --bins
export KEYHAVEN_BIN=$target/debug/keyhaven

# Each test program ends with "test result: ok. N passed; M failed; K ignored; ...": those lines are added up.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
cargo test --workspace --no-fail-fast 2>&1 | tee "$log" || status=$?

# The standard's test cases once more, with the root in an HSM.
KEYHAVEN_TEST_ROOT=pkcs11 cargo test --workspace --test vectors 2>&1 | tee -a "$log" || status=$?

# Kills and damage once more, over the other engine of the store.
KEYHAVEN_ENGINE=fjall cargo test --workspace --no-fail-fast --test damage --test store_kill 2>&1 | tee -a "$log" || status=$?
KEYHAVEN_ENGINE=fjall cargo test --package conformance --test conformance life:: 2>&1 | tee -a "$log" || status=$?

# PyKMIP, both of its clients, in every version it speaks; OpenStack's two clients; then the session of the README's first
# command. `conformance/live/ceph.sh --install` is for whoever may put Ceph's daemons on the machine.
pytest_log=$(mktemp)
trap 'rm -f "$log" "$pytest_log"' EXIT
for suite in pykmip/run live/barbican live/swift; do
    "conformance/$suite.sh" 2>&1 | tee -a "$pytest_log" || status=1
done
session=0
bash examples/quickstart.sh --once || session=1
[ "$session" = 0 ] || status=1

awk -v session="$session" '
    /^test result:/ || /^=* ?[0-9]+ (passed|failed).* in [0-9.]+s/ {
        for (i = 1; i < NF; i++) {
            if ($(i + 1) ~ /^passed/) passed += $i
            if ($(i + 1) ~ /^(failed|error)/) failed += $i
            if ($(i + 1) ~ /^(ignored|skipped)/) skipped += $i
        }
    }
    END { printf "\n%d passed, %d failed, %d skipped\n", passed + 1 - session, failed + session, skipped }
' "$log" "$pytest_log"
exit "$status"
