#!/usr/bin/env bash
# Builds both stacks in new environments with the doctor, migrates one to the other and back,
# and checks a transcript each time. A maintainer runs this after changing a pin.
set -euo pipefail

usage() {
    cat <<'HELP'
Usage: scripts/verify-stack.sh [--torch-index NAME|URL] [--keep] [FOLDER]

Needs a network (or pip's own wheelhouse), some minutes and 8 GB in FOLDER (default:
a temporary one, removed at the end). torch comes from pip's own index by default.

  VENV   the environment that holds parakeet (default: .venv)
HELP
}

index=default
keep=''
folder=''
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        usage
        exit 0
        ;;
    --torch-index)
        index=$2
        shift
        ;;
    --keep) keep=1 ;;
    -*)
        usage >&2
        exit 2
        ;;
    *) folder=$1 ;;
    esac
    shift
done

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
tool=$root/${VENV:-.venv}/bin/python
case ${VENV:-} in /*) tool=$VENV/bin/python ;; esac
[ -n "$folder" ] || folder=$(mktemp -d)
mkdir -p "$folder"
clean() { [ -n "$keep" ] || rm -rf "$folder"; }
trap clean EXIT

heading() { printf '\n== %s\n' "$*"; }
doctor() { "$tool" -m parakeet_cli doctor --python "$folder/$1/bin/python" "${@:2}"; }
model=$root/tests/fixtures/models/small-parakeet-tdt.nemo
clip='clip-13.flac' # held out: its voice was not in the small Parakeet's training data
transcribes() {
    local expected text
    expected=$(awk -F '\t' -v clip="$clip" '$1 == clip { print $3 }' "$root/tests/fixtures/held_out/transcripts.tsv")
    text=$("$tool" -m parakeet_cli transcribe --engine nemo --device cpu --model "$model" \
        --python "$folder/$1/bin/python" "$root/tests/fixtures/held_out/$clip")
    echo "$clip: $text"
    if [ -z "$expected" ] || [ "$text" != "$expected" ]; then
        echo "It should be: $expected" >&2
        exit 1
    fi
}

heading "Stack 2.4 from an empty environment"
"$tool" -m venv "$folder/stack"
doctor stack --fix --yes --torch-index "$index"
transcribes stack

heading "Stack 3.0 from an empty environment"
"$tool" -m venv "$folder/second"
doctor second --fix --yes --stack 3.0 --torch-index "$index"
transcribes second

heading "From 2.4 to 3.0, and back"
doctor stack --fix --yes --stack 3.0 --torch-index "$index"
transcribes stack
doctor stack rollback
doctor stack --deep
transcribes stack

heading "Both stacks are complete."
