#!/usr/bin/env bash
# tools/dist_evaluate.sh knn|linear CONFIG CHECKPOINT PROCESSES [arguments of the command]
# Run a command of tools/evaluate/ that encodes data sets on several processes, which share the images.
set -euo pipefail
usage() { echo "usage: $0 knn|linear CONFIG CHECKPOINT PROCESSES [ARGUMENT ...]" >&2; exit 2; }
[ $# -ge 4 ] || usage
case "$1" in knn | linear) ;; *) usage ;; esac
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
source "$here/launch.sh"
launch "evaluate/$1.py" "$4" "$0 $1 $2 $3" "$2" "$3" "${@:5}"
