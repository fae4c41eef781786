#!/usr/bin/env bash
# From a bare machine to all checks and tests: system packages, environment, `make check`.
set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/test.sh [ARGUMENT of pytest]...

Sets parakeet and its development tools up in this checkout, if they are not yet, and
runs everything that `make check` runs: ruff, mypy, the import contracts, shellcheck and
pytest. This is what CI runs.

  bash scripts/test.sh -k subtitles
EOT
}

case ${1:-} in
    -h | --help) usage; exit 0 ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/install-system-packages.sh --tests
scripts/venv.sh --dev
exec make --keep-going --no-print-directory check VENV=.venv \
    PYTEST_ARGS="${*:+$(printf '%q ' "$@")}"
