#!/usr/bin/env bash
# tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [arguments of test.py]
# Test on PROCESSES of this machine; for several machines see tools/dist_train.sh.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: $0 CONFIG CHECKPOINT PROCESSES [ARGUMENT ...]" >&2; exit 2; }
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"
launch test.py "$3" "$0 $1 $2" "$1" "$2" "${@:4}"
