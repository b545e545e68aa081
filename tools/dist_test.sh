#!/usr/bin/env bash
# tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [arguments of test.py]
# Test on PROCESSES of this machine; for several machines see tools/dist_train.sh.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: $0 CONFIG CHECKPOINT PROCESSES [ARGUMENT ...]" >&2; exit 2; }
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
source "$here/launch.sh"
launch test.py "$3" "$0 $1 $2" "$1" "$2" "${@:4}"
