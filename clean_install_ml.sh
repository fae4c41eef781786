#!/usr/bin/env bash
# The clean install: parakeet doctor --reinstall on the active conda or virtual environment.
# No version is written here: requirements-torch.txt and requirements-ml*.txt have them all.
set -euo pipefail

# shellcheck source=scripts/doctor-tool.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/scripts/doctor-tool.sh"

run_doctor --reinstall 'Reinstalls the whole ML stack of the active conda or virtual environment in the
documented order and proves it, or puts everything back. On a terminal it asks first,
unless --yes is given.' "$@"
