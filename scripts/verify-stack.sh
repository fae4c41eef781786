#!/usr/bin/env bash
# Builds both stacks in new environments with the doctor, moves one to the other and back,
# and ends in an import and a transcript. What a maintainer runs after touching a pin.
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
imports() { "$folder/$1/bin/python" -c 'import nemo.collections.asr; print("nemo.collections.asr: imported")'; }

say "Stack 2.4 from an empty environment"
"$tool" -m venv "$folder/stack"
doctor stack --fix --yes --torch-index "$index"
imports stack

say "Stack 3.0 from an empty environment"
"$tool" -m venv "$folder/second"
doctor second --fix --yes --stack 3.0 --torch-index "$index"
imports second

say "From 2.4 to 3.0, and back"
doctor stack --fix --yes --stack 3.0 --torch-index "$index"
imports stack
doctor stack rollback
doctor stack --deep
imports stack

clip=$(find "$root/samples" -name '*.wav' -o -name '*.flac' | sort | head -n 1)
if [ -n "$clip" ]; then
    say "A transcript"
    if PARAKEET_ML_PYTHON=$folder/stack/bin/python "$tool" -m parakeet_cli transcribe --help | grep -q nemo; then
        PARAKEET_ML_PYTHON=$folder/stack/bin/python "$tool" -m parakeet_cli transcribe --engine nemo "$clip"
    else
        echo "No engine here uses NeMo yet: the import must do."
    fi
fi
say "Both stacks stand."
