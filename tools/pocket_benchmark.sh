#!/usr/bin/env bash
# Install the environment and run what of the pocket benchmark has no record yet, then write its
# tables and pictures. It can be stopped and started again; several processes share the work.
#   bash tools/pocket_benchmark.sh [--table main|work|claims|choice|dense] [--data digits cells]
#       [--only ROW ...] [--seeds 3] [--images N]
set -euo pipefail
case " $* " in *' -h '* | *' --help '*) sed -n '2,5s/^# //p' "$0"; exit 0 ;; esac
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
root="$(cd "$here/.." && pwd)"
case " $* " in *' dense '*) ops=--with-ops ;; *) ops= ;; esac  # Mask R-CNN needs mmcv's
bash "$root/tools/setup_env.sh" $ops
"$root/.venv/bin/python" "$root/tools/pocket.py" "$@"
"$root/.venv/bin/python" "$root/tools/pocket.py" --report
