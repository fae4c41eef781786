#!/usr/bin/env bash
# The clean install: parakeet doctor --reinstall on the active conda or virtual environment.
# No version stands here: requirements-torch.txt and requirements-ml*.txt hold them all.
set -euo pipefail

# shellcheck source=scripts/doctor-tool.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/scripts/doctor-tool.sh"

usage() {
    cat <<'HELP'
Usage: ./clean_install_ml.sh [OPTIONS OF parakeet doctor]

Installs the whole ML stack of the active conda or virtual environment anew, in the
documented order, proves it, or puts everything back. A terminal is asked first;
--yes asks nothing.

  ./clean_install_ml.sh --dry-run             show the plan, change nothing
  ./clean_install_ml.sh --torch-index cpu     take torch from another index
  ./clean_install_ml.sh --python PATH         another environment's interpreter

What is broken and why, without a repair: parakeet doctor
HELP
}

run_doctor --reinstall "$@"
