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

# An environment belongs to one Python and one place: its scripts name both. One that
# somebody else made here is taken as it is.
home=$("$python" -c 'import sys; print(sys.version, sys.base_prefix, sep="\n")' && pwd)
# What was installed from. An environment made for the tests also serves without them.
fingerprint=$(sha256sum pyproject.toml scripts/setup.sh)
stamp=$venv/parakeet-setup${dev:+-dev}
holds() { # file, text
    [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}
if ! "$venv/bin/python" -c '' 2>/dev/null ||
    { [ -f "$venv/parakeet-home" ] && ! holds "$venv/parakeet-home" "$home"; }; then
    "$python" -m venv --clear "$venv"
    echo "$home" >"$venv/parakeet-home"
fi
if holds "$stamp" "$fingerprint" || holds "$venv/parakeet-setup-dev" "$fingerprint"; then
    exit 0
fi

rm -f "$venv"/parakeet-setup*
echo "Setting up $venv with $("$venv/bin/python" --version): a minute or two the first time." >&2
pip=("$venv/bin/python" -m pip install --quiet)
if [ -n "$dev" ]; then
    "${pip[@]}" --upgrade "pip>=25.1" # the first that knows dependency groups
    "${pip[@]}" --editable . --group dev
    # pynput's evdev comes as source alone, and is compiled.
    if ! "${pip[@]}" --editable '.[hotkey]' 2>"$venv/parakeet-hotkey.log"; then
        echo "The extra hotkey can't be built (Debian: apt-get install gcc libc6-dev python3-dev;" \
            "pip's words are in $venv/parakeet-hotkey.log): the tests of hotkeys will be skipped." >&2
    fi
else
    "${pip[@]}" --editable .
fi
echo "$fingerprint" >"$stamp"
