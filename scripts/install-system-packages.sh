#!/usr/bin/env bash
# Installs those of the Debian packages parakeet needs that are missing, and nothing else.
set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/install-system-packages.sh [--tests] [--dry-run]

Installs the system packages that parakeet needs and that are missing, with apt-get
(through sudo where you are not root). Does nothing where all are there. On a system
without apt-get it says what is needed and goes on.

  --tests    also what the checks and tests need
  --dry-run  only say what is missing
EOT
}

# For transcribing and, with PortAudio, dictating. On top of that for the checks and tests:
# make and shellcheck run the checks, chromium opens the HTML transcripts and its driver
# looks at them. PulseAudio is a microphone without hardware, which PortAudio hears through
# ALSA's plugin. Dictation types into real windows, of X11 without a screen (from xvfb on)
# and of Wayland (from sway); espeak-ng says what the small Parakeet learns. The compiler and
# its headers are for evdev, which pynput, the extra `hotkey`, brings as source. strace shows
# what a command reads and whom it talks to.
packages=(python3 python3-venv libportaudio2)
test_packages=(make shellcheck chromium chromium-driver espeak-ng
    pulseaudio pulseaudio-utils libasound2-plugins
    xvfb x11-xkb-utils xterm xdotool xclip tmux python3-tk sway foot wtype wl-clipboard
    dbus-daemon gcc libc6-dev python3-dev strace)

python=${PYTHON:-python3}

# Whether what parakeet wants of a package is there, wherever it came from.
is_there() {
    case $1 in
        python3) command -v "$python" ;;
        python3-venv) "$python" -c 'import ensurepip, venv' ;;
        chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
        chromium-driver) command -v chromedriver ;;
        libportaudio2) "$python" -c 'import ctypes.util as u, sys; sys.exit(not u.find_library("portaudio"))' ;;
        pulseaudio-utils) command -v pactl ;;
        libasound2-plugins) find /usr/lib /usr/lib64 -name libasound_module_pcm_pulse.so | grep -q . ;;
        xvfb) command -v Xvfb ;;
        x11-xkb-utils) command -v setxkbmap ;;
        wl-clipboard) command -v wl-copy ;;
        libc6-dev) [ -e /usr/include/linux/input.h ] && [ -e /usr/include/stdio.h ] ;;
        # Another Python than Debian's brings its own headers, or none.
        python3-dev) [ "$(command -v "$python")" != /usr/bin/python3 ] ||
            [ -e "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ] ;;
        # Only Debian's own Python can use Debian's tkinter.
        python3-tk) [ "$(command -v "$python")" != /usr/bin/python3 ] ||
            "$python" -c 'import tkinter' ;;
        *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

dry_run=
for argument in "$@"; do
    case $argument in
        --tests) packages+=("${test_packages[@]}") ;;
        --dry-run) dry_run=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

missing=()
for package in "${packages[@]}"; do
    is_there "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi
if [ -n "$dry_run" ]; then
    echo "Missing system packages: ${missing[*]}"
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
fi
if ! command -v apt-get >/dev/null; then
    echo "parakeet needs these (Debian's names): ${missing[*]}" >&2
    echo "There is no apt-get here: install them your system's way. Going on without." >&2
    exit 0
fi
if [ ${#as_root[@]} -gt 0 ] && ! command -v sudo >/dev/null; then
    echo "parakeet needs these system packages: ${missing[*]}" >&2
    echo "You are not root and there is no sudo. As root: apt-get install ${missing[*]}" >&2
    echo "Going on without." >&2
    exit 0
fi

echo "Installing system packages${as_root[0]:+ with ${as_root[0]}}: ${missing[*]}" >&2
apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# What the packages' own scripts say matters only where one of them fails.
if ! { "${as_root[@]}" "${apt[@]}" update &&
    "${as_root[@]}" "${apt[@]}" install --yes --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1; then
    cat "$log" >&2
    echo "apt-get could not install them; its own words are above." >&2
    exit 1
fi
