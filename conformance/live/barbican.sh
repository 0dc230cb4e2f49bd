#!/bin/sh
# Runs the tests of test_barbican.py; what it is given goes to pytest. conformance/README.md says what they do.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
. "$here/../server.sh"
environment "$target/venv-barbican" "$here/barbican.txt" || skip "the Python packages of barbican.txt cannot be had"
serve barbican
tests test_barbican.py "$@"
