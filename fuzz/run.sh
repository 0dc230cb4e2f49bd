#!/bin/sh
# Builds every fuzz target on the toolchain that is there, runs each for a while, and prints what they did.
#   fuzz/run.sh [SECONDS] [TARGET...]       60 seconds and all targets, if not said otherwise
# Ends with 1 if a target found something; the input is in fuzz/artifacts/TARGET.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -gt 0 ] && shift
export CARGO_TARGET_DIR="${FUZZ_TARGET_DIR:-$PWD/target}"
export RUSTC_WRAPPER="$PWD/instrument.sh"
# The versions that the server is tested with.
[ -e Cargo.lock ] || cp ../Cargo.lock Cargo.lock
cargo build --quiet --bins
programs="$CARGO_TARGET_DIR/debug"
[ $# -gt 0 ] || set -- $(ls fuzz_targets | sed 's/\.rs$//')
status=0
printf '%-14s %12s %10s %8s  %s\n' target executions per-second inputs result
for target; do
    mkdir -p "artifacts/$target"
    log="artifacts/$target.log"
    FUZZ_PLANT="corpus/$target" "$programs/$target" >"$log" 2>&1 || { cat "$log"; exit 1; }
    result=ok
    "$programs/$target" "corpus/$target" -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" \
        -max_len=8192 -timeout=25 -rss_limit_mb=2048 -print_final_stats=1 >"$log" 2>&1 || { result=FOUND status=1; }
    number() { sed -n "s/^stat::$1: *//p" "$log" | tail -1; }
    executions=$(number number_of_executed_units)
    rate=$(number average_exec_per_sec)
    printf '%-14s %12s %10s %8s  %s\n' "$target" "${executions:--}" "${rate:--}" "$(ls "corpus/$target" | wc -l)" "$result"
done
exit $status
