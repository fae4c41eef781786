#!/usr/bin/env bash
# The quick repair: parakeet doctor --fix on the active conda or virtual environment.
# No version stands here: requirements-torch.txt and requirements-ml*.txt hold them all.
set -euo pipefail

# shellcheck source=scripts/doctor-tool.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/scripts/doctor-tool.sh"

usage() {
    cat <<'HELP'
Usage: ./fix_ml_dependencies.sh [OPTIONS OF parakeet doctor]

Repairs the ML stack of the active conda or virtual environment in the documented
order, proves it, or puts everything back. A terminal is asked first; --yes asks
nothing.

  ./fix_ml_dependencies.sh --dry-run             show the plan, change nothing
  ./fix_ml_dependencies.sh --torch-index cpu     take torch from another index
  ./fix_ml_dependencies.sh --python PATH         another environment's interpreter

What is broken and why, without a repair: parakeet doctor
HELP
}

run_doctor --fix "$@"
