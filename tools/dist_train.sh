#!/usr/bin/env bash
# tools/dist_train.sh CONFIG PROCESSES [arguments of train.py]
# Train on PROCESSES of this machine. For several machines run it on each, with NNODES, NODE_RANK,
# MASTER_ADDR and PORT set.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: $0 CONFIG PROCESSES [ARGUMENT ...]" >&2; exit 2; }
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
source "$here/launch.sh"
launch train.py "$2" "$0 $1" "$1" "${@:3}"
