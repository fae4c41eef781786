# parakeet in a container: docs/containers.md says how to build and to run it.
#
#     docker build --target cpu -t parakeet:cpu .
#     docker build --target nemo-3.0-cu128 -t parakeet:nemo .
#
# Versions: containers/lock/ has all of Python's, with sums. The base needs Debian 12's apt-get
# and Python 3.11, and nothing of NVIDIA's: torch brings its CUDA, and NVIDIA's container toolkit
# the driver.
ARG BASE=debian:bookworm-slim

# What every image is made on: Python, the microphone's library, and the user.
FROM ${BASE} AS runtime
# A moment of Debian's archive, such as 20261128T000000Z: with it the very versions of
# containers/lock/debian.txt are installed, from SNAPSHOT_URL. Without it, the current ones.
ARG DEBIAN_SNAPSHOT=
ARG SNAPSHOT_URL=http://snapshot.debian.org/archive
COPY containers/debian.sh containers/debian.txt /tmp/build/
RUN sh /tmp/build/debian.sh /tmp/build/debian.txt && rm -r /tmp/build
# Of no rights but its own. Any other id works as well (`--user`): nothing is written outside
# /tmp and /models.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp parakeet \
    && install -d -m 1777 /models && install -d /data
# Caches in /tmp, where a read-only container has a tmpfs. Models that are pulled in a volume.
ENV PATH=/opt/parakeet/bin:$PATH \
    HOME=/tmp \
    HF_HOME=/models \
    XDG_CACHE_HOME=/tmp/cache \
    XDG_CONFIG_HOME=/tmp/config \
    XDG_DATA_HOME=/tmp/data \
    XDG_STATE_HOME=/tmp/state \
    NUMBA_CACHE_DIR=/tmp/cache/numba \
    MPLCONFIGDIR=/tmp/cache/matplotlib \
    LANG=C.UTF-8

# Builds parakeet's environment from the lock. Nothing of this stage but that gets into an image.
FROM runtime AS tool
# pip's own settings, for mirrors and proxies, in all stages that build. No image has them, but the
# builder's cache does: one with a password is better a secret,
# --secret id=pip.conf,src=$HOME/.config/pip/pip.conf
ARG PIP_INDEX_URL=
ARG PIP_EXTRA_INDEX_URL=
ARG PIP_FIND_LINKS=
ARG PIP_TRUSTED_HOST=
ARG PIP_CERT=
ARG PIP_PROXY=
ARG PIP_DEFAULT_TIMEOUT=
ENV PIP_INDEX_URL=$PIP_INDEX_URL \
    PIP_EXTRA_INDEX_URL=$PIP_EXTRA_INDEX_URL \
    PIP_FIND_LINKS=$PIP_FIND_LINKS \
    PIP_TRUSTED_HOST=$PIP_TRUSTED_HOST \
    PIP_CERT=$PIP_CERT \
    PIP_PROXY=$PIP_PROXY \
    PIP_DEFAULT_TIMEOUT=$PIP_DEFAULT_TIMEOUT
RUN cp /var/lib/dpkg/status /tmp/image-packages && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends python3-venv
COPY . /src
WORKDIR /src
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.crt \
    python3 -m venv /tmp/builder && python3 -m venv --without-pip /opt/parakeet \
    && /tmp/builder/bin/pip install --quiet --require-hashes -r containers/lock/build.txt \
    && /tmp/builder/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && /tmp/builder/bin/python -m pip --python /opt/parakeet/bin/python install --quiet \
    --no-cache-dir --require-hashes -r containers/lock/tool.txt \
    && /tmp/builder/bin/python -m pip --python /opt/parakeet/bin/python install --quiet \
    --no-index --no-deps /tmp/wheel/*.whl \
    && python3 scripts/sbom.py --name parakeet-cpu --debian /tmp/image-packages \
    --python /opt/parakeet/bin/python > /tmp/sbom.cdx.json

# The compiler for what the stack has as source alone.
FROM tool AS compiler
RUN DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
    g++ libc6-dev python3-dev

FROM compiler AS stack-2.4-cu128
# Where torch comes from: `cpu` for a test without a GPU, or a URL.
ARG TORCH_INDEX=cu128
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.crt \
    containers/stack.sh 2.4 cu128 "$TORCH_INDEX" \
    && python3 scripts/sbom.py --name parakeet-nemo-2.4-cu128 --debian /tmp/image-packages \
    --python /opt/parakeet/bin/python --python /opt/nemo/bin/python > /tmp/sbom.cdx.json

FROM compiler AS stack-3.0-cu128
# Where torch comes from: `cpu` for a test without a GPU, or a URL.
ARG TORCH_INDEX=cu128
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.crt \
    containers/stack.sh 3.0 cu128 "$TORCH_INDEX" \
    && python3 scripts/sbom.py --name parakeet-nemo-3.0-cu128 --debian /tmp/image-packages \
    --python /opt/parakeet/bin/python --python /opt/nemo/bin/python > /tmp/sbom.cdx.json

FROM compiler AS stack-3.0-cu130
# Where torch comes from: `cpu` for a test without a GPU, or a URL.
ARG TORCH_INDEX=cu130
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.crt \
    containers/stack.sh 3.0 cu130 "$TORCH_INDEX" \
    && python3 scripts/sbom.py --name parakeet-nemo-3.0-cu130 --debian /tmp/image-packages \
    --python /opt/parakeet/bin/python --python /opt/nemo/bin/python > /tmp/sbom.cdx.json

# Whisper, built in; Parakeet by ONNX with `-e PARAKEET_ENGINE=onnx`, once its model is pulled. No
# GPU. The engine is named so that the doctor doesn't miss an ML stack that isn't meant to be here.
FROM runtime AS cpu
COPY --from=tool /opt/parakeet /opt/parakeet
COPY --from=tool /tmp/sbom.cdx.json /usr/share/doc/parakeet/sbom.cdx.json
ENV PARAKEET_ENGINE=whisper
VOLUME /models
WORKDIR /data
USER 10001:10001
ENTRYPOINT ["parakeet"]
CMD ["--help"]

# The same with NeMo. The two variables are for NVIDIA's container toolkit: which GPUs the
# container may see, and which parts of the driver it gets (libcuda, and nvidia-smi).
FROM cpu AS nemo-2.4-cu128
COPY --from=stack-2.4-cu128 /opt/nemo /opt/nemo
COPY --from=stack-2.4-cu128 /tmp/sbom.cdx.json /usr/share/doc/parakeet/sbom.cdx.json
ENV PARAKEET_ENGINE=auto \
    PARAKEET_ML_PYTHON=/opt/nemo/bin/python \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM cpu AS nemo-3.0-cu128
COPY --from=stack-3.0-cu128 /opt/nemo /opt/nemo
COPY --from=stack-3.0-cu128 /tmp/sbom.cdx.json /usr/share/doc/parakeet/sbom.cdx.json
ENV PARAKEET_ENGINE=auto \
    PARAKEET_ML_PYTHON=/opt/nemo/bin/python \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM cpu AS nemo-3.0-cu130
COPY --from=stack-3.0-cu130 /opt/nemo /opt/nemo
COPY --from=stack-3.0-cu130 /tmp/sbom.cdx.json /usr/share/doc/parakeet/sbom.cdx.json
ENV PARAKEET_ENGINE=auto \
    PARAKEET_ML_PYTHON=/opt/nemo/bin/python \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

# Without --target.
FROM cpu
