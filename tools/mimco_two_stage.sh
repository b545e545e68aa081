#!/usr/bin/env bash
# Train MimCo's teacher, train its student and fine-tune the student, one after the other.
#   tools/mimco_two_stage.sh swin-t|swin-b|vit-s|vit-b|digits PROCESSES
#       [--work-dir DIR] [--cfg-options KEY=VALUE ...]
# If it is stopped, the same command continues. The options apply to all stages, those of val_* and
# test_* only to the last one, which is the only one that validates. Environment variables:
#   TEACHER=FILE            a trained (or converted) teacher instead of the first stage
#   STUDENT_CONFIG, FINETUNE_CONFIG   other configs, for example configs/mimco/swin-t_300e.py
#   NNODES NODE_RANK MASTER_ADDR PORT as for dist_train.sh; the work dir must be shared
set -euo pipefail
usage() { sed -n '2,9s/^# //p' "$0"; }
fail() { echo "$(basename "$0"): $1" >&2; usage >&2; exit 2; }
case " $* " in *' -h '* | *' --help '*) usage; exit 0 ;; esac
[ $# -ge 2 ] || fail 'an architecture and a number of processes are needed'

tools="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
configs="$(dirname "$tools")/configs"
arch="$1" processes="$2" work_dir="work_dirs/mimco_two_stage/$1"
shift 2
options=()
while [ $# -gt 0 ]; do
  case "$1" in
    --work-dir) [ $# -ge 2 ] || fail '--work-dir needs a folder'; work_dir="$2"; shift 2 ;;
    --cfg-options) shift; while [ $# -gt 0 ] && [[ "$1" == *=* ]]; do options+=("$1"); shift; done ;;
    *) fail "unknown argument '$1'" ;;
  esac
done

student="$configs/mimco/$arch.py" finetune="$configs/mimco/transfer/in1k-finetune_$arch.py"
case "$arch" in
  swin-t | swin-b) teacher="$configs/moby/$arch.py" ;;
  vit-s | vit-b) teacher="$configs/mocov3/$arch.py" ;;
  digits)  # the quickstart's networks and images
    teacher="$configs/quickstart/mimco_teacher.py"
    student="$configs/quickstart/mimco.py" finetune="$configs/quickstart/mimco_finetune.py" ;;
  *) fail "unknown architecture '$arch'" ;;
esac
student="${STUDENT_CONFIG:-$student}" finetune="${FINETUNE_CONFIG:-$finetune}"
# Check the files before days of training, not after them.
for file in ${TEACHER:+"$TEACHER"} "$teacher" "$student" "$finetune"; do
  [ -f "$file" ] || fail "'$file' does not exist"
done

# stoppable COMMAND...: forward a stop signal to the command, and return when it has ended. With the
# command in the foreground, bash would wait for it without forwarding the signal.
stoppable() {
  local child status=0
  "$@" &
  child=$!
  trap 'kill -TERM "$child" 2>/dev/null || true' TERM INT USR1
  wait "$child" || status=$?
  # A signal interrupts wait. The status is that of the training, for example 75 after a checkpoint.
  while kill -0 "$child" 2>/dev/null; do status=0; wait "$child" || status=$?; done
  trap - TERM INT USR1
  return "$status"
}

# stage NUMBER NAME CONFIG [KEY=VALUE ...]: train, or continue a training, in its own folder.
stage() {
  printf '\n\033[1m[%s/3] %s: %s\033[0m\n' "$1" "$2" "$3"
  local number="$1" folder="$work_dir/$2" config="$3" option
  set -- "${@:4}"
  for option in ${options[@]+"${options[@]}"}; do
    case "$number:$option" in [12]:val_* | [12]:test_*) ;; *) set -- "$@" "$option" ;; esac
  done
  [ $# -eq 0 ] || set -- --cfg-options "$@"
  stoppable bash "$tools/dist_train.sh" "$config" "$processes" --work-dir "$folder" --resume "$@"
}

if [ "$arch" = digits ]; then
  source "$tools/launch.sh"
  "$PYTHON" "$tools/data/make_digits.py" data/quickstart
fi
if [ -z "${TEACHER:-}" ]; then
  stage 1 teacher "$teacher"
  TEACHER="$work_dir/teacher/$(cat "$work_dir/teacher/last_checkpoint")"
fi
stage 2 student "$student" "model.teacher.backbone.init_cfg.checkpoint=$TEACHER"
checkpoint="$work_dir/student/$(cat "$work_dir/student/last_checkpoint")"
stage 3 finetune "$finetune" "model.backbone.init_cfg.checkpoint=$checkpoint"
printf '\ndone: %s\n' "$work_dir/finetune/$(cat "$work_dir/finetune/last_checkpoint")"
