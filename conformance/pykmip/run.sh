#!/bin/sh
# Runs the PyKMIP suite; what it is given goes to pytest:
#   conformance/pykmip/run.sh -k "locate and 1.2"
# `conformance/server.sh` says what the environment may name.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
. "$here/../server.sh"
environment "$target/venv" "$here/requirements.txt"
serve pykmip other
tests "$@"
