#!/usr/bin/env bash
# Check and measure all methods on this machine's GPU, in nine minutes at the most.
#   bash tools/benchmark/gpu.sh [--json FILE] [--minutes 9] [--batch-size 128] [--only WORD ...] [--tiny]
# The record (gpu.json) is continued by the same command. mmcv's compiled ops are not needed. From the
# record, mcl bench gpu --page docs/performance.md makes the table of the page.
set -euo pipefail
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
root="$(cd "$here/../.." && pwd)"
python="${PYTHON:-$root/.venv/bin/python}"
[ -x "$python" ] || python="$(command -v "$python" || command -v python3)"
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m mcl_plugins bench gpu --tests "$root/tests" "$@"
