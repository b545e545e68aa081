# Sourced by the launchers. Chooses the Python and starts torchrun, with at most as many processes as
# this machine has devices. All scripts here find one another also when they are called through a
# symbolic link; readlink of macOS before 12.3 has no -f, and there they must be called themselves.

here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
tools="$(cd "$here" && pwd)"

has_torch() { "$1" -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is None)' 2>/dev/null; }

# The first Python that has torch: that of an activated environment; that of the environment to which
# these tools belong (the .venv of setup_env.sh, or the one whose lib/python3.x/site-packages contains
# mcl_plugins/.mim/tools); or any other.
if [ -z "${PYTHON:-}" ]; then
  candidates=("$tools/../.venv/bin/python" "$tools/../../../../../../bin/python" python3)
  if [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ]; then candidates=(python "${candidates[@]}"); fi
  PYTHON=python
  for candidate in "${candidates[@]}"; do
    if has_torch "$candidate"; then PYTHON="$candidate"; break; fi
  done
fi

# launch SCRIPT PROCESSES USAGE ARGUMENT...; USAGE is the command before the number of processes.
# It does not return after a start: torchrun replaces the shell, so that a signal to the launcher
# reaches torchrun and through it the training.
launch() {
  local script="$1" processes="$2" usage="$3" nnodes="${NNODES:-1}"
  shift 3
  case "$processes" in
    '' | *[!0-9]* | 0) echo "$(basename "$0"): the number of processes is '$processes', not a positive integer" >&2; return 2 ;;
  esac
  local devices kind
  read -r devices kind < <("$PYTHON" -c '
import os, torch
gpus = torch.cuda.device_count()
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
print(gpus or cores, "GPUs" if gpus else "CPU cores, and no GPU")' 2>/dev/null) || true
  if [ -z "${devices:-}" ]; then
    echo "$(basename "$0"): $PYTHON cannot import torch; run tools/setup_env.sh, or activate the environment that has it" >&2
    return 2
  fi
  if [ "$processes" -gt "$devices" ]; then
    cat >&2 <<EOF
$(basename "$0"): $processes processes asked for, but this machine has $devices $kind.
The number of processes is that of one machine. For $processes in total, run on each of NNODES machines, with NODE_RANK from 0:
  NNODES=$(((processes + devices - 1) / devices)) NODE_RANK=0 MASTER_ADDR=<address of machine 0> $usage $devices
EOF
    [ "$script" != train.py ] || cat >&2 <<EOF
With fewer processes the learning rate is scaled with the batch size, and
  --cfg-options optim_wrapper.accumulative_counts=$(((processes + devices - 1) / devices))
keeps the learning rate. The training is not quite the same: negatives and BatchNorm statistics come
from one partial batch, and schedules in iterations must be lengthened by this factor; see the
method's page in configs/.
EOF
    return 2
  fi
  if [ "${kind#CPU}" != "$kind" ]; then
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$((devices / processes))}"
  else
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
  fi
  exec "$PYTHON" "$tools/torchrun.py" \
    --nnodes="$nnodes" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$processes" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    "$tools/$script" "$@" --launcher pytorch
}
