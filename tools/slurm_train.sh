#!/usr/bin/env bash
# tools/slurm_train.sh [--requeue] PARTITION JOB_NAME CONFIG WORK_DIR [arguments of train.py]
# Environment variables, with defaults: GPUS (8), GPUS_PER_NODE (8), CPUS_PER_TASK (10), SRUN_ARGS.
# --requeue submits a batch job. Before its time is over, and when it is pre-empted, the training
# writes a checkpoint, and the job is queued again and goes on from it; SBATCH_ARGS may have --time.
# NOTICE (120) is the number of seconds before the end at which it is told to stop.
set -euo pipefail
usage() { echo "usage: $0 [--requeue] PARTITION JOB_NAME CONFIG WORK_DIR [ARGUMENT ...]" >&2; exit 2; }
need() { command -v "$1" >/dev/null || { echo "$0: $1 was not found; without Slurm use tools/dist_train.sh" >&2; exit 2; }; }
mode=run
case "${1:-}" in --requeue) mode=submit; shift ;; --in-batch-job) mode=batch; shift ;; esac
[ $# -ge 4 ] || usage
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
folder="$(cd "$here" && pwd)"
source "$folder/launch.sh"
gpus="${GPUS:-8}" per_node="${GPUS_PER_NODE:-8}"
[ "$gpus" -ge "$per_node" ] || per_node="$gpus"
resources=(--gres="gpu:$per_node" --ntasks="$gpus" --ntasks-per-node="$per_node"
  --cpus-per-task="${CPUS_PER_TASK:-10}")

if [ "$mode" = submit ]; then
  need sbatch
  mkdir -p "$4"
  # Slurm copies a batch script elsewhere, so the job is a command that names this one. --signal
  # reaches the processes of the training, and not the batch script.
  # shellcheck disable=SC2086  SBATCH_ARGS is a list of words
  exec sbatch -p "$1" --job-name="$2" "${resources[@]}" --requeue --open-mode=append \
    --signal="USR1@${NOTICE:-120}" --output="$4/slurm-%j.log" ${SBATCH_ARGS:-} \
    --wrap "exec bash $(printf '%q ' "$folder/slurm_train.sh" --in-batch-job "$@")"
fi

need srun
# shellcheck disable=SC2086  SRUN_ARGS is a list of words
train() {
  exec srun -p "$1" --job-name="$2" "${resources[@]}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "$PYTHON" -u "$tools/train.py" "$3" --work-dir "$4" --launcher slurm "${@:5}"
}
[ "$mode" = batch ] || train "$@"

# With --signal=B:USR1@120 the batch script gets the signal, and srun hands it on. It does not catch
# SIGTERM: scancel sends it, and a job that was cancelled must not come back.
train "$@" --resume &
child=$! interrupted=yes
trap 'interrupted=yes; kill -USR1 "$child" 2>/dev/null || true' USR1
while [ "$interrupted" = yes ]; do
  interrupted=no status=0
  wait "$child" || status=$?
done
case "$status" in
  75 | 138)  # stopped with a checkpoint, or by SIGUSR1 before the first step
    echo "$0: stopped with status $status; queueing job $SLURM_JOB_ID again"
    scontrol requeue "$SLURM_JOB_ID" ;;
esac
exit "$status"
