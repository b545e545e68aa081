#!/usr/bin/env bash
# tools/soak.sh [--steps 2000] [--work-dir DIR] [--kills 100]
# Train for thousands of steps and state in a table what grows (mcl soak); then kill trainings at random
# points and compare the resumed ones with the uninterrupted one (tests/reliability/kills.py, of a
# checkout; --kills 0 leaves it out). About 4 minutes on 2 cores without the kills.
set -euo pipefail
kills=100
words=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
    --kills) kills="${2:?--kills needs a number}"; shift 2 ;;
    *) words+=("$1"); shift ;;
  esac
done
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
source "$here/launch.sh"
root="$(cd "$tools/.." && pwd)"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
status=0
"$PYTHON" "$tools/soak.py" "${words[@]}" || status=$?
if [ "$kills" != 0 ] && [ -f "$root/tests/reliability/kills.py" ]; then
  export PYTHONPATH="$PYTHONPATH:$root/tests:$root/tests/reliability"
  "$PYTHON" "$root/tests/reliability/kills.py" --kills "$kills" || status=$?
fi
exit "$status"
