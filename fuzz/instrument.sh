#!/bin/sh
# RUSTC_WRAPPER of run.sh: what libFuzzer counts is compiled into the server and the targets, not into its libraries, so
# that those need not be built twice. Works on a stable toolchain.
case " $* " in
*" --crate-name keyhaven "* | *" --crate-name keyhaven_fuzz "*)
    exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Copt-level=1 --cfg fuzzing
    ;;
*) exec "$@" ;;
esac
