#!/usr/bin/env bash
# Makes .venv in this checkout and installs parakeet into it.
set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/venv.sh [--dev]

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
fingerprint=$(sha256sum pyproject.toml scripts/venv.sh)
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
log=$venv/parakeet-pip.log
echo "Setting up $venv with $("$venv/bin/python" --version): about 300 MB to download the first" \
    "time, which takes a few minutes." >&2

# pip's messages go to the log. What it is doing is shown on one line of a terminal, and its
# large downloads anywhere.
pip_install() {
    "$venv/bin/python" -m pip install --progress-bar off "$@" 2>&1 | tee -a "$log" | report
}
report() {
    local line
    while IFS= read -r line; do
        case $line in
            "Installing collected packages: "*) line="Installing $(wc -w <<<"${line#*: }") packages" ;;
            *Downloading*" MB)"* | *"Using cached"*" MB)"*) ;;
            Collecting*) [ -t 2 ] || continue ;;
            *) continue ;;
        esac
        line=${line#"${line%%[! ]*}"}
        if [ -t 2 ]; then
            printf '\r\033[K  %.70s' "$line" >&2
        else
            echo "  $line" >&2
        fi
    done
    if [ -t 2 ]; then
        printf '\r\033[K' >&2
    fi
}
must_install() {
    if ! pip_install "$@"; then
        grep -v '^ *$' "$log" | tail -n 15 >&2
        echo "pip could not install parakeet; its last messages are above, all of them in" \
            "$PWD/$log. The same command tries again." >&2
        exit 1
    fi
}

: >"$log"
if [ -n "$dev" ]; then
    must_install --upgrade "pip>=25.1" # the first that knows dependency groups
    must_install --editable . --group dev
    # pynput's evdev comes as source alone, and is compiled.
    if ! pip_install --editable '.[hotkey]'; then
        echo "The extra hotkey can't be built (Debian: apt-get install gcc libc6-dev python3-dev;" \
            "pip's messages are in $log): the tests of hotkeys will be skipped." >&2
    fi
else
    must_install --editable .
fi
echo "$fingerprint" >"$stamp"
