# shellcheck shell=bash
# Sourced by fix_ml_dependencies.sh and clean_install_ml.sh: finds the tool, or makes it a
# small environment of its own, and runs the doctor. The tool is never installed into the
# environment that is repaired: that would install NumPy 2 there first.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

usage() { # DESCRIPTION
    local script
    script=./$(basename -- "$0")
    printf 'Usage: %s [OPTIONS OF parakeet doctor]\n\n%s\n\n' "$script" "$1"
    printf '  %-44s %s\n' \
        "$script --dry-run" 'show the plan, change nothing' \
        "$script --torch-index cpu" 'install torch from another index' \
        "$script --python PATH" "use another environment's interpreter"
    printf '\nTo see what is broken and why, without a repair: parakeet doctor\n'
}

# The interpreter of the active environment, or nothing if none is active.
active_python() {
    local prefix
    for prefix in "${VIRTUAL_ENV:-}" "${CONDA_PREFIX:-}"; do
        if [ -n "$prefix" ] && [ -x "$prefix/bin/python" ]; then
            printf '%s\n' "$prefix/bin/python"
            return
        fi
    done
}

# A Python 3.11 or newer, to make the tool's own environment with.
base_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3 python; do
        if command -v "$name" >/dev/null &&
            "$name" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "Error: Python 3.11 or newer is needed for the doctor itself." >&2
    exit 6
}

# The interpreter that runs the tool: one that has it already, else a new environment's.
tool() {
    local python=$1 own
    own=${PARAKEET_TOOL:-${XDG_DATA_HOME:-$HOME/.local/share}/parakeet/tool}
    if [ -n "$python" ] && "$python" -I -c 'import parakeet_cli.cli.app' 2>/dev/null; then
        printf '%s\n' "$python"
        return
    fi
    if ! [ -x "$own/bin/python" ] || ! "$own/bin/python" -I -c 'import parakeet_cli.cli.app' 2>/dev/null; then
        echo "Making an environment for the doctor itself in $own." >&2
        "$(base_python)" -m venv "$own" >&2
        "$own/bin/python" -m pip install --quiet --disable-pip-version-check "$root" >&2
    fi
    printf '%s\n' "$own/bin/python"
}

run_doctor() { # MODE DESCRIPTION OPTIONS...
    local mode=$1 description=$2 argument python named='' runner
    shift 2
    for argument in "$@"; do
        case $argument in
        -h | --help)
            usage "$description"
            exit 0
            ;;
        --python | --python=*) named=1 ;;
        esac
    done
    python=$(active_python)
    if [ -z "$python" ] && [ -z "$named" ]; then
        echo "Error: no conda or virtual environment is active. Nothing was changed." >&2
        echo "  conda activate personalparakeet, or: . .venv/bin/activate" >&2
        exit 6
    fi
    runner=$(tool "$python")
    if [ -z "$named" ]; then
        exec "$runner" -m parakeet_cli doctor "$mode" "$@" --python "$python"
    fi
    exec "$runner" -m parakeet_cli doctor "$mode" "$@"
}
