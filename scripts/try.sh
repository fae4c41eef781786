#!/usr/bin/env bash
# From a bare machine to a transcript: system packages, environment, then the samples.
set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/try.sh [INPUT or OPTION of `parakeet transcribe`]...

Sets parakeet up in this checkout, if it is not yet, and transcribes. Without arguments
it transcribes the recordings in samples/ and compares the words with what was read.

  bash scripts/try.sh interview.mp3 -f srt -o subtitles/

  PYTHON   the Python to use, 3.11 or newer (default: python3)
EOT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case ${1:-} in
    -h | --help) usage; exit 0 ;;
esac

step() {
    if [ -t 2 ]; then
        printf '\033[1m%s\033[0m\n' "$*" >&2
    else
        echo "$*" >&2
    fi
}
step "1/3 System packages"
"$here/scripts/install-system-packages.sh"
step "2/3 The Python environment $here/.venv"
"$here/scripts/venv.sh"
step "3/3 Transcribing"
if [ $# -gt 0 ]; then
    exec "$here/.venv/bin/parakeet" transcribe "$@"
fi
exec "$here/.venv/bin/python" "$here/scripts/compare_samples.py" "$here"
