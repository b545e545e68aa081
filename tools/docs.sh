#!/usr/bin/env bash
# Build the documentation into site/, or show it in a browser while it is written:
#   bash tools/docs.sh [serve]
set -euo pipefail
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")")"
cd "$here/.."
bash tools/setup_env.sh
source .venv/bin/activate
export NO_MKDOCS_2_WARNING=1
exec python -m mkdocs "${1:-build}" --strict
