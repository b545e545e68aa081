#!/usr/bin/env bash
# Train MimCo's teacher, train its student and fine-tune the student: a row of the paper's Table 1.
#   tools/mimco_two_stage.sh swin-t|swin-b|vit-s|vit-b PROCESSES [arguments of tools/reproduce.py ...]
# If it is stopped, the same command continues. Useful arguments: --start FILE for a trained (or
# converted) teacher instead of the first stage, --work-dir DIR, --cfg-options KEY=VALUE ... for all
# stages, --tiny. NNODES, NODE_RANK, MASTER_ADDR and PORT are those of dist_train.sh.
set -euo pipefail
usage() { sed -n '2,6s/^# //p' "$0"; }
fail() { echo "$(basename "$0"): $1" >&2; usage >&2; exit 2; }
case " $* " in *' -h '* | *' --help '*) usage; exit 0 ;; esac
[ $# -ge 2 ] || fail 'an architecture and a number of processes are needed'
case "$1" in
  swin-t) encoder=Swin-T ;;
  swin-b) encoder=Swin-B ;;
  vit-s) encoder=ViT-S/16 ;;
  vit-b) encoder=ViT-B/16 ;;
  *) fail "unknown architecture '$1'" ;;
esac
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
source "$here/launch.sh"
exec "$PYTHON" "$tools/reproduce.py" mimco "table 1: $encoder, 100 epochs, 700" --processes "$2" "${@:3}"
