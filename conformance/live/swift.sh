#!/bin/sh
# Runs the tests of test_swift.py; what it is given goes to pytest. conformance/README.md says what they do.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
. "$here/../server.sh"
environment "$target/venv-swift" "$here/swift.txt" || skip "the Python packages of swift.txt cannot be had"
serve swift
tests test_swift.py "$@"
