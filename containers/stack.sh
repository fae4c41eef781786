#!/bin/sh
# Fills /opt/nemo with an ML stack in the versions of the lock, by the doctor in its documented
# order, and proves it. Runs in a build stage of the Dockerfile.
set -eu

usage() {
    cat <<'HELP'
Usage: containers/stack.sh STACK BUILD INDEX

  STACK  2.4 or 3.0, as for `parakeet doctor --stack`
  BUILD  the build of torch that the image is for: cu128 or cu130
  INDEX  where torch comes from. The same word as BUILD: what is locked for it, else that
         index of PyTorch. `cpu`: torch for CPUs. `default`: pip's own index. A URL: that index.
HELP
}

[ $# -eq 3 ] || { usage >&2; exit 2; }
stack=$1 build=$2 index=$3
lock=$(dirname -- "$0")/lock
parakeet=/opt/parakeet/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/wheels" "$work/torch"

# All of the lock becomes wheels in one folder, each compared with its sum. What comes as source
# alone is built with locked tools.
python3 -m venv "$work/builder"
pip="$work/builder/bin/python -m pip --disable-pip-version-check"
$pip install --quiet --require-hashes -r "$lock/build.txt"
wheels() { # OPTIONS...
    PATH="$work/builder/bin:$PATH" $pip wheel --quiet --no-deps --no-build-isolation \
        --no-cache-dir "$@"
}
wheels --wheel-dir "$work/wheels" --require-hashes -r "$lock/nemo-$stack.txt"

# Where PyTorch's indexes are.
indexes=$(sed -n 's|^--index-url \(.*/\)[^/]*$|\1|p' requirements-torch.txt)
if [ "$index" = "$build" ] && [ -e "$lock/torch-$build.txt" ]; then
    # A version such as 2.11.0+cu128 is in that index alone. The sums decide which file is taken.
    if grep -q '^torch==.*+' "$lock/torch-$build.txt"; then
        set -- --extra-index-url "$indexes$build"
    else
        set --
    fi
    wheels "$@" --wheel-dir "$work/wheels" --require-hashes -r "$lock/torch-$build.txt"
else
    echo "torch isn't locked for $index: the newest that the stack allows is taken." >&2
    # Of two indexes pip takes the highest version of either, which may be for another CUDA.
    [ "$index" = default ] || unset PIP_EXTRA_INDEX_URL PIP_FIND_LINKS
    case $index in
    default) set -- ;;
    *://*) set -- --index-url "$index" ;;
    *) set -- --index-url "$indexes$index" ;;
    esac
    # torch's index doesn't have every version that is locked for what torch needs of others.
    $pip download --quiet --no-cache-dir --dest "$work/torch" "$@" \
        "$(sed -n '/^torch[<>=]/{s/ *#.*//;p;}' requirements-torch.txt)"
    for wheel in "$work"/torch/torch-* "$work"/torch/triton-* "$work"/torch/nvidia_* \
        "$work"/torch/cuda_*; do
        if [ -e "$wheel" ]; then mv "$wheel" "$work/wheels/"; fi
    done
fi
rm -rf "$work/torch"

# Stage by stage, and undone unless every import works and a sample is transcribed.
python3 -m venv --without-pip /opt/nemo
"$parakeet/parakeet" doctor --fix --yes --stack "$stack" --wheelhouse "$work/wheels" \
    --python /opt/nemo/bin/python
"$parakeet/parakeet" doctor --stack "$stack" --python /opt/nemo/bin/python
# What a repair leaves for its rollback is of no use in an image.
rm -rf /opt/nemo/.parakeet* "$HOME/.cache"
