#!/usr/bin/env bash
# What the store withstands, and how large it may grow, in a line each: kills and losses, damage and what of it was silent,
# a full disk, calls into an HSM and its outages, and time, memory and disk of a large store.
#
# usage: tests/durability.sh [KILLS [FLIPS [OBJECTS]]]      default 200 400 1000000: about an hour, 4 GB in TMPDIR
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kills=${1:-200} flips=${2:-400} objects=${3:-1000000}
profile=${KEYHAVEN_PROFILE:-release}
build=(--profile "$profile")

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Runs a test and prints its lines of facts; the rest of its output is shown if it fails.
facts() {
    "$@" >"$log" 2>&1 || { cat "$log"; exit 1; }
    grep -E '^(kill -9|damage|migration|full disk|PKCS#11|[A-Z][A-Za-z ]* +[0-9]+ +[0-9]+$|time to|[0-9]+ requests|load|open|verify|backup|restore|compact|skipped)' "$log"
}

cargo build --quiet "${build[@]}" --bin keyhaven
export KEYHAVEN_BIN=${CARGO_TARGET_DIR:-target}/${profile/#dev/debug}/keyhaven
KEYHAVEN_KILLS=$kills facts cargo test "${build[@]}" --package conformance --test conformance -- --nocapture life::kill
KEYHAVEN_ENGINE=fjall KEYHAVEN_KILLS=$kills facts cargo test "${build[@]}" --package conformance --test conformance -- --nocapture life::kill
KEYHAVEN_DAMAGE_CASES=$flips facts cargo test "${build[@]}" --test damage -- --nocapture
KEYHAVEN_ENGINE=fjall KEYHAVEN_DAMAGE_CASES=$flips facts cargo test "${build[@]}" --test damage -- --nocapture
facts cargo test "${build[@]}" --test hsm -- --nocapture calls_of_each
facts cargo bench --quiet "${build[@]}" --bench scale -- "$objects"
