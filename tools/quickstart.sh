#!/usr/bin/env bash
# Install the environment, pre-train a small network and draw a report of its evaluation: about
# 4 minutes on 2 cores after the installation.
#   bash tools/quickstart.sh [--seeds 3] [--method METHOD] [--work-dir DIR]
# METHOD: any with configs/quickstart/METHOD.py and METHOD_finetune.py; by default conmim.
set -euo pipefail
case " $* " in *' -h '* | *' --help '*) sed -n '2,5s/^# //p' "$0"; exit 0 ;; esac
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
root="$(cd "$here/.." && pwd)"
bash "$root/tools/setup_env.sh"
exec "$root/.venv/bin/python" "$root/tools/quickstart/run.py" "$@"
