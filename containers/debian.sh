#!/bin/sh
# Installs what the image takes from Debian, in a build stage of the Dockerfile.
#
#   DEBIAN_SNAPSHOT  a moment of Debian's archive: exactly the versions in the list, from there
#   SNAPSHOT_URL     where Debian's archive of moments is
set -eu

[ $# -eq 1 ] || { echo "Usage: debian.sh LIST" >&2; exit 2; }
packages='python3 libportaudio2'
if [ -n "${DEBIAN_SNAPSHOT:-}" ]; then
    packages=$(sed 's/#.*//' "$1")
    rm -rf /etc/apt/sources.list /etc/apt/sources.list.d
    for archive in 'debian bookworm' 'debian bookworm-updates' 'debian-security bookworm-security'; do
        echo "deb [check-valid-until=no] $SNAPSHOT_URL/${archive% *}/$DEBIAN_SNAPSHOT ${archive#* } main"
    done >/etc/apt/sources.list
fi
apt-get update -qq
# shellcheck disable=SC2086 # one word for each package
DEBIAN_FRONTEND=noninteractive apt-get install -qq --allow-downgrades --no-install-recommends \
    $packages
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/ldconfig/aux-cache /var/log/*.log /var/log/apt
