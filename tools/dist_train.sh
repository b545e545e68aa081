#!/usr/bin/env bash
# tools/dist_train.sh CONFIG PROCESSES [train.py's arguments]
# PROCESSES on this machine; for several machines set NNODES, NODE_RANK, MASTER_ADDR and PORT.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: $0 CONFIG PROCESSES [ARGUMENT ...]" >&2; exit 2; }
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"
launch train.py "$2" "$0 $1" "$1" "${@:3}"
