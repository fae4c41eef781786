#!/usr/bin/env bash
# Makes .venv in this checkout and installs parakeet into it.
set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/setup.sh [--dev]

Makes the virtual environment .venv in this checkout, with parakeet in it (editable).
Done again it costs nothing, until pyproject.toml or the Python changes. pip's own
configuration decides where packages come from.

  --dev    also the tools of the checks and tests

  PYTHON   the Python to use, 3.11 or newer (default: python3)
EOT
}

dev=
for argument in "$@"; do
    case $argument in
        --dev) dev=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
venv=.venv
export PIP_DISABLE_PIP_VERSION_CHECK=1

if ! command -v "$python" >/dev/null; then
    echo "There is no $python here. Install Python 3.11 or newer (Debian: apt-get install python3" \
        "python3-venv), or name one: PYTHON=/path/to/python3.11 $0" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$("$python" --version) is too old: parakeet needs Python 3.11 or newer." \
        "Name one: PYTHON=/path/to/python3.11 $0" >&2
    exit 1
fi

# What the environment was made from. An environment made for the tests also serves without.
fingerprint=$({
    "$python" -c 'import sys; print(sys.version, sys.base_prefix)'
    cat pyproject.toml scripts/setup.sh
} | sha256sum | cut -d' ' -f1)
stamp=$venv/parakeet-setup${dev:+-dev}
is_current() {
    [ -f "$1" ] && [ "$(cat "$1")" = "$fingerprint" ]
}
if "$venv/bin/python" -c '' 2>/dev/null; then
    if is_current "$stamp" || is_current "$venv/parakeet-setup-dev"; then
        exit 0
    fi
else
    "$python" -m venv --clear "$venv"
fi

rm -f "$venv"/parakeet-setup*
echo "Setting up $venv with $("$venv/bin/python" --version): a minute or two the first time." >&2
pip=("$venv/bin/python" -m pip install --quiet)
if [ -n "$dev" ]; then
    "${pip[@]}" --upgrade "pip>=25.1" # the first that knows dependency groups
    "${pip[@]}" --editable . --group dev
else
    "${pip[@]}" --editable .
fi
echo "$fingerprint" >"$stamp"
