#!/usr/bin/env bash
# tools/dist_train.sh CONFIG PROCESSES [arguments of train.py]
# Train on PROCESSES of this machine. For several machines run it on each, with NNODES, NODE_RANK,
# MASTER_ADDR and PORT set.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: $0 CONFIG PROCESSES [ARGUMENT ...]" >&2; exit 2; }
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"
launch train.py "$2" "$0 $1" "$1" "${@:3}"
