#!/usr/bin/env bash
# Sets up .venv with mmcv's ops, then runs the style and type checks and the tests.
#   bash tools/run_tests.sh [pytest's arguments]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash tools/setup_env.sh --with-ops
source .venv/bin/activate
ruff check --quiet .
ruff format --check --quiet mcl_plugins tools tests
mypy
# One thread a process: the tests start processes of their own.
export OMP_NUM_THREADS=1
exec python -m pytest --durations=10 "$@"
