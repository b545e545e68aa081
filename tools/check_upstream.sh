#!/usr/bin/env bash
# Creates an environment with OpenMMLab's own last releases instead of the onedl-* distributions, and
# runs the tests of pre-training and classification in it with each version of mmcv-lite.
#
#   bash tools/check_upstream.sh DIR     creates DIR/venv: 5 GB, about 10 minutes
#
# All other packages have the versions of tools/requirements.lock. PYTHON=... is that of setup_env.sh.
set -euo pipefail
[ "$#" -eq 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1"
folder="$(cd "$1" && pwd)"
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
cd "$here/.."

mmcv_versions=(2.1.0 2.2.0)
upstream=(mmengine==0.10.7 mmpretrain==1.2.0)
tests=(
  tests/mcl_plugins/algorithms
  tests/mcl_plugins/backbones
  tests/mcl_plugins/checkpoint
  tests/mcl_plugins/engine/test_runner.py
  tests/mcl_plugins/heads
  tests/mcl_plugins/utils/test_hub.py
  tests/tools/test_commands.py::test_pretrained_file_is_fine_tuned_and_tested
)

python="$folder/venv/bin/python"
pip() { "$python" -m pip --disable-pip-version-check "$@"; }

[ -x "$python" ] || "${PYTHON:-python3.11}" -m venv "$folder/venv"
pip install -q -c tools/requirements.lock torch torchvision setuptools wheel packaging
grep -vE '^(onedl-|#|$)' tools/requirements.lock >"$folder/others.txt"
pip install -q --no-deps --no-build-isolation -r "$folder/others.txt"
pip install -q --no-deps "${upstream[@]}"
pip install -q --no-deps --no-build-isolation -e .

export OMP_NUM_THREADS=1
for version in "${mmcv_versions[@]}"; do
  pip install -q --no-deps --no-build-isolation "mmcv-lite==$version"
  echo "${upstream[*]} mmcv-lite==$version"
  # The deselected test shows what the maintained MMEngine does with a hostile file that no command
  # reads; MMEngine 0.10.7 leaves such files to PyTorch, which refuses them.
  "$python" -m pytest -q -p no:cacheprovider "${tests[@]}" \
    --deselect tests/mcl_plugins/checkpoint/test_sources.py::test_a_hostile_file_would_run_elsewhere
done
