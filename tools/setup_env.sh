#!/usr/bin/env bash
# Create .venv with this package and the pinned versions of tools/requirements.lock.
#
#   bash tools/setup_env.sh              pre-training and classification; needs no compiler
#   bash tools/setup_env.sh --with-ops   also compiles mmcv's ops, which detection needs
#
# It can be run again: a complete environment is kept. The default is Python 3.11;
# PYTHON=/path/to/python3.12 names another one, 3.10 to 3.12, which later runs keep.
set -euo pipefail
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
cd "$here/.."

fail() { printf 'setup_env: %s\n' "$*" >&2; exit 1; }
say() { printf '\033[1m[%3ds] %s\033[0m\n' "$SECONDS" "$*"; }

ops=no
case "${1:-}" in
  '') ;;
  --with-ops) ops=yes ;;
  *) fail "unknown option '$1'; the only option is --with-ops" ;;
esac

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }
supported() { case "$1" in 3.10 | 3.11 | 3.12) ;; *) return 1 ;; esac; }

python="${PYTHON:-$(command -v python3.11 || echo python3)}"
present="$(version_of .venv/bin/python)"
version="$present"
if [ -n "${PYTHON:-}" ] || ! supported "$present"; then version="$(version_of "$python")"; fi
lock=tools/requirements.lock
cache="${XDG_CACHE_HOME:-${HOME:-}/.cache}/mcl_plugins"
{ mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null || cache="$PWD/.cache/mcl_plugins"
stamp=.venv/.mcl_plugins
mmcv="$(grep '^onedl-mmcv==' "$lock")"

check_machine() {
  command -v "$python" >/dev/null || fail "$python was not found; install Python 3.11 or name one with PYTHON=/path/to/python3.11"
  [ -n "$version" ] || fail "$python does not run; name another Python with PYTHON=/path/to/python3.11"
  supported "$version" || fail "$python is Python $version; the pinned versions are for Python 3.10, 3.11 and 3.12: PYTHON=/path/to/python3.11 bash tools/setup_env.sh"
  local free_gb needed_gb=12
  [ ! -d ".venv/lib/python$version/site-packages/torch" ] || needed_gb=2
  free_gb=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
  [ "$free_gb" -ge "$needed_gb" ] || fail "only $free_gb GB free here; the environment needs $needed_gb GB"
  if [ "$ops" = yes ] && ! command -v "${CXX:-c++}" >/dev/null; then
    fail "no C++ compiler (${CXX:-c++}); install g++, or run without --with-ops, which leaves out detection"
  fi
}

# Show pip's downloads in a terminal only; elsewhere they would fill the log.
quiet=-q
[ ! -t 1 ] || quiet=

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

# pip caches both builds of mmcv under one key and confuses them, so each kind has its own folder of
# wheels and pip's cache is not used. Ops are compiled for one version of torch, which is part of the
# folder's name.
install_mmcv() {
  local kind=pure
  if [ "$ops" = yes ]; then
    kind="ops-$(ops_target)"
  fi
  local wheels="$cache/${mmcv/==/-}-py$version-$(uname -m)-$kind"
  if ! compgen -G "$wheels/*.whl" >/dev/null; then
    local new="$wheels.new.$$"
    mkdir -p "$new"
    if [ "$ops" = yes ]; then
      say "Compiling mmcv ops for ${kind#ops-}: 7 to 10 minutes on 2 cores, once for each torch version"
      build_ops "$new"
    else
      pip wheel -q --no-cache-dir --no-deps -w "$new" "$mmcv"
    fi
    rm -rf "$wheels" && mv "$new" "$wheels"
  fi
  pip install -q --no-deps --force-reinstall "$wheels"/*.whl
}

# Prints the target of the ops: this torch and, if there is a CUDA toolkit to compile for it, this GPU.
ops_target() {
  .venv/bin/python - 2>/dev/null <<'PY'
import torch
from torch.utils.cpp_extension import CUDA_HOME

target = f'torch{torch.__version__}'
if torch.cuda.is_available() and CUDA_HOME:
    print(target + '-cuda-sm%d%d' % torch.cuda.get_device_capability())
else:
    print(target + '-cpu')
PY
}

# Prints the number of compiled sources, because pip itself prints nothing for minutes.
build_ops() {
  local log="$cache/build-$$.log" build
  # Without a CUDA toolkit, hide the GPU from mmcv: it would look for nvcc and fail.
  case "$(ops_target)" in *-cpu) export CUDA_VISIBLE_DEVICES= ;; esac
  MAX_JOBS="${MAX_JOBS:-$(nproc)}" PATH="$PWD/.venv/bin:$PATH" \
    pip wheel -v --no-cache-dir --no-build-isolation --no-deps -w "$1" "$mmcv" >"$log" 2>&1 &
  build=$!
  # Ctrl-C does not reach a background job.
  trap 'pkill -P "$build" 2>/dev/null; kill "$build" 2>/dev/null; rm -rf "$lock_folder"' EXIT
  while kill -0 "$build" 2>/dev/null; do
    sleep 10
    printf '\r  mmcv ops: %s compiled, %d s ' "$(grep -oE '^ *\[[0-9]+/[0-9]+\]' "$log" | tail -1 | tr -d ' ')" "$SECONDS"
  done
  printf '\n'
  if ! wait "$build"; then
    tail -30 "$log" >&2
    fail "mmcv ops did not compile; the complete log is $log"
  fi
  trap 'rm -rf "$lock_folder"' EXIT
  rm -f "$log"
}

check_result() {
  .venv/bin/python - "$ops" <<'PY'
import sys
import warnings
from importlib.metadata import version

warnings.simplefilter('ignore')
import torch
import mcl_plugins
names = ['torch', 'onedl-mmengine', 'onedl-mmcv', 'onedl-mmpretrain']
if sys.argv[1] == 'yes':
    import mmcv._ext
    import mmdet.models, mmseg.models
    names += ['onedl-mmsegmentation', 'onedl-mmdetection']
print('  ' + ', '.join(f'{name} {version(name)}' for name in names))
device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
print(f'  mcl_plugins {mcl_plugins.__version__} on {device}')
PY
}

# Two of them at once would install into one folder. mkdir makes a folder for only one of them, also
# where there is no flock (macOS). The lock of a process of this machine that has ended is taken over.
lock_folder=.venv.lock
take_lock() {
  local pid host waiting=no
  until mkdir "$lock_folder" 2>/dev/null; do
    [ -w . ] || return 0  # an environment that is complete can be checked there
    pid='' host=''
    read -r pid host 2>/dev/null <"$lock_folder/owner" || true
    # Only one of those that wait can make the folder that is named after the dead one.
    if [ -n "$pid" ] && [ "$host" = "$(uname -n)" ] && ! kill -0 "$pid" 2>/dev/null &&
      mkdir "$lock_folder/after.$pid" 2>/dev/null; then break; fi
    [ "$waiting" = yes ] || say "Waiting for another setup_env.sh${pid:+ (process $pid on $host)}; if there is none, remove $PWD/$lock_folder"
    waiting=yes
    sleep 1
  done
  echo "$$ $(uname -n)" >"$lock_folder/owner"
  trap 'rm -rf "$lock_folder"' EXIT
  trap 'exit 130' INT TERM
}

take_lock
# What another one has installed meanwhile counts.
present="$(version_of .venv/bin/python)"

# If the environment has ops already, keep them, also without --with-ops.
if [ "$present" = "$version" ] && .venv/bin/python -c 'import mmcv._ext' 2>/dev/null; then ops=yes; fi

wanted="ops=$ops python=$version $(cat "$lock" setup.cfg mcl_plugins/version.py | sha256sum | cut -c1-16)"
if [ "$present" = "$version" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && check_result; then
  say 'The environment .venv is complete'
  exit 0
fi

check_machine
say "Creating .venv with Python $version"
# Create it anew if an earlier run was interrupted (no pip) or another Python version is wanted.
{ [ "$present" = "$version" ] && .venv/bin/python -c 'import pip' 2>/dev/null; } ||
  "$python" -m venv --clear .venv || fail "no virtual environment could be created; on Debian: apt install python$version-venv"
rm -f "$stamp"
say 'Installing PyTorch (about 5 GB with its CUDA libraries)'
pip install $quiet -c "$lock" torch torchvision setuptools wheel packaging ninja psutil
say 'Installing mmcv'
install_mmcv
say 'Installing the OpenMMLab libraries and the rest'
pip install $quiet --no-deps --no-build-isolation -r "$lock"
pip install -q --no-deps --no-build-isolation -e .
say 'Checking the result'
check_result || fail 'the environment does not import; remove .venv and run again'
echo "$wanted" >"$stamp"
say 'Done. Activate it with: source .venv/bin/activate'
