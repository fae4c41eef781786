#!/usr/bin/env bash
# Builds both stacks in new environments with the doctor, moves one to the other and back,
# each ending in a transcript that must be right. What a maintainer runs after touching a pin.
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

say() { printf '\n== %s\n' "$*"; }
doctor() { "$tool" -m parakeet_cli doctor --python "$folder/$1/bin/python" "${@:2}"; }
model=$root/tests/fixtures/models/small-parakeet-tdt.nemo
clip='clip-13.flac' # of the held-out ones: the small Parakeet never heard its voice
transcribes() {
    local want heard
    want=$(awk -F '\t' -v clip="$clip" '$1 == clip { print $3 }' "$root/tests/fixtures/held_out/transcripts.tsv")
    heard=$("$tool" -m parakeet_cli transcribe --engine nemo --device cpu --model "$model" \
        --python "$folder/$1/bin/python" "$root/tests/fixtures/held_out/$clip")
    echo "$clip: $heard"
    if [ -z "$want" ] || [ "$heard" != "$want" ]; then
        echo "It should be: $want" >&2
        exit 1
    fi
}

say "Stack 2.4 from an empty environment"
"$tool" -m venv "$folder/stack"
doctor stack --fix --yes --torch-index "$index"
transcribes stack

say "Stack 3.0 from an empty environment"
"$tool" -m venv "$folder/second"
doctor second --fix --yes --stack 3.0 --torch-index "$index"
transcribes second

say "From 2.4 to 3.0, and back"
doctor stack --fix --yes --stack 3.0 --torch-index "$index"
transcribes stack
doctor stack rollback
doctor stack --deep
transcribes stack

say "Both stacks stand."
