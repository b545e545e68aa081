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
# Two processes of one thread each: the tests start processes of their own. The tests of a file stay
# together, for they share what is dear to make, and start in the order of tests/conftest.py.
export OMP_NUM_THREADS=1
exec python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations=10 "$@"
