#!/usr/bin/env bash
# tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [arguments of train.py]
# Environment variables, with defaults: GPUS (8), GPUS_PER_NODE (8), CPUS_PER_TASK (10), SRUN_ARGS.
set -euo pipefail
[ $# -ge 4 ] || { echo "usage: $0 PARTITION JOB_NAME CONFIG WORK_DIR [ARGUMENT ...]" >&2; exit 2; }
command -v srun >/dev/null || { echo "$0: srun was not found; without Slurm use tools/dist_train.sh" >&2; exit 2; }
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"
gpus="${GPUS:-8}" per_node="${GPUS_PER_NODE:-8}"
[ "$gpus" -ge "$per_node" ] || per_node="$gpus"
# shellcheck disable=SC2086  SRUN_ARGS is a list of words
exec srun -p "$1" --job-name="$2" --gres="gpu:$per_node" --ntasks="$gpus" \
  --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-10}" --kill-on-bad-exit=1 \
  ${SRUN_ARGS:-} "$PYTHON" -u "$tools/train.py" "$3" --work-dir "$4" --launcher slurm "${@:5}"
