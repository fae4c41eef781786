#!/usr/bin/env bash
# Finds the Pythons of this machine that parakeet runs on, wherever they were installed.
set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/find-pythons.sh [VERSION]...

Prints a line for each Python that parakeet supports and that is on this machine: its
version, a tab and its path. Says on stderr which ones were not found. VERSION (3.12)
asks for these alone. Exit code 1 if none was found.

It looks on PATH, in /usr/bin and /usr/local/bin, and in the folders of pyenv, uv and conda.
EOT
}

supported=(3.11 3.12 3.13 3.14)
case ${1:-} in
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
esac
[ $# -eq 0 ] || supported=("$@")

# Every file that may be Python $1, in the order of preference: what a shell would start comes
# first, then the system's, then the newest that pyenv, uv or conda has.
candidates() {
    local name=python$1 path
    type -ap "$name" || true
    printf '%s\n' "/usr/bin/$name" "/usr/local/bin/$name"
    for path in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/"$name" \
        "${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/uv/python}"/cpython-"$1"*/bin/"$name" \
        "$HOME"/{miniconda3,miniforge3,anaconda3}/{,envs/*/}bin/"$name"; do
        printf '%s\n' "$path"
    done | sort --version-sort --reverse
}

# The version of the interpreter $1 and where it really is, or nothing unless it is an
# ordinary CPython $2. One of a virtual environment leads to the one that made it.
describe() {
    "$1" -I -c '
import os, struct, sys, sysconfig
base = getattr(sys, "_base_executable", sys.executable) or sys.executable
ordinary = (
    sys.implementation.name == "cpython"
    and struct.calcsize("P") == 8
    and not sysconfig.get_config_var("Py_GIL_DISABLED")
    and sys.version_info.releaselevel == "final"
    and "%d.%d" % sys.version_info[:2] == sys.argv[1]
)
print("%d.%d.%d" % sys.version_info[:3], os.path.realpath(base), sep="\t") if ordinary else sys.exit(1)
' "$2" 2>/dev/null
}

found=
missing=()
for version in "${supported[@]}"; do
    line=
    while IFS= read -r candidate; do
        # A shim of pyenv may be there for a version that is not chosen: it fails, the next is asked.
        if [ -x "$candidate" ] && line=$(describe "$candidate" "$version" </dev/null); then
            break
        fi
    done < <(candidates "$version")
    if [ -n "$line" ]; then
        printf '%s\n' "$line"
        found=yes
    else
        missing+=("$version")
    fi
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "Not found: Python ${missing[*]}" >&2
fi
[ -n "$found" ]
