#!/usr/bin/env bash
# Set up .venv with mmcv's ops, then run the style checks, the type checks and the tests.
#   bash tools/run_tests.sh [arguments of pytest]
set -euo pipefail
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
cd "$here/.."
bash tools/setup_env.sh --with-ops
source .venv/bin/activate
ruff check --quiet .
ruff format --check --quiet mcl_plugins tools tests
mypy
# Two processes of one thread each, because the tests start further processes. The tests of a file run
# in one process, because they share fixtures that are expensive to create; tests/conftest.py has
# the order of the files. A process that ends is not started again: pytest-xdist may then wait forever.
export OMP_NUM_THREADS=1
exec python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder \
    --max-worker-restart 0 --durations=10 "$@"
