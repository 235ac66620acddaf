#!/usr/bin/env bash
# Makes the one base that every image of ours begins with, from signed Debian packages and without a registry, and prints
# its name. One that the engine holds already is taken as it is.
#   NORA_BASE_IMAGE   an image of Debian 12 to take instead, by digest: registry/debian@sha256:...
#   NORA_FRESH_BASE   any value: make it anew, for security updates since
set -euo pipefail

if [ -n "${NORA_BASE_IMAGE:-}" ]; then
  case $NORA_BASE_IMAGE in
    *@sha256:*) ;;
    *) echo "NORA_BASE_IMAGE must name an image by its digest (...@sha256:...)" >&2; exit 1 ;;
  esac
  docker image inspect "$NORA_BASE_IMAGE" >/dev/null 2>&1 || docker pull --quiet "$NORA_BASE_IMAGE" >&2
  echo "$NORA_BASE_IMAGE"
  exit
fi

suite=bookworm
# Node and Postgres bring their own libraries but for these.
packages=ca-certificates,libstdc++6
release=$(. /etc/os-release && [ "${VERSION_CODENAME:-}" = "$suite" ] && cat /etc/debian_version || echo "$suite")
# The name follows from what goes in: this recipe, and the point release of Debian.
hash=$(printf '%s\n' "$release" | cat - "$0" | sha256sum | cut -c 1-16)
name=nora-base:$hash
if [ -z "${NORA_FRESH_BASE:-}" ] && docker image inspect "$name" >/dev/null 2>&1; then
  echo "$name"
  exit
fi

# This machine's own sources where it is the same Debian, so that its mirror and its proxy are used; else Debian's.
sources=()
if [ "$release" != "$suite" ]; then
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    if [ -s "$file" ]; then sources=("$file"); break; fi
  done
fi

# The same packages give the same bytes: times are not those of this run. No program in it changes its user.
export SOURCE_DATE_EPOCH=1700000000
# shellcheck disable=SC2016
mmdebstrap --quiet --variant=minbase --include="$packages" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook='chroot "$1" find / -xdev -type f -perm /6000 -exec chmod a-s {} +' \
  "$suite" - "${sources[@]}" |
  docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$name" >/dev/null
echo "$name"
