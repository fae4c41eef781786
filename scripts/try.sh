#!/usr/bin/env bash
# From a bare machine to a transcript: system packages, environment, then the samples.
set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/try.sh [INPUT or OPTION of `parakeet transcribe`]...

Sets parakeet up in this checkout, if it is not yet, and transcribes. Without arguments
it transcribes samples/ to the screen.

  bash scripts/try.sh interview.mp3 -f srt -o subtitles/
EOT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case ${1:-} in
    -h | --help) usage; exit 0 ;;
esac
if [ $# -eq 0 ]; then
    set -- "$here/samples"
fi

"$here/scripts/install-system-packages.sh"
"$here/scripts/setup.sh"
exec "$here/.venv/bin/parakeet" transcribe "$@"
