#!/usr/bin/env bash
# Makes the stack's images on this machine and prints `NORA_IMAGE_<NAME>=<reference>` lines. Names follow from the content:
# an image that the engine holds already is not made again. Usage: build.sh CODE, the folder with services/ and node_modules/.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
code=$(cd "$1" && pwd)
# The engine's own builder: it needs no plugin, and takes its context from us.
export DOCKER_BUILDKIT=0
work=$(mktemp -d "${TMPDIR:-/tmp}/nora-images.XXXXXX")
trap 'rm -rf "$work"' EXIT

say() { printf '    %s\n' "$*" >&2; }
held() { docker image inspect "$1" >/dev/null 2>&1; }

# Files of a folder as an archive that is the same for the same content.
pack() { tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw -C "$1" "${@:2}"; }

# build NAME BASE CONTEXT: CONTEXT is an archive without its Dockerfile.
build() {
  local name=$1 from=$2 context=$3 hash reference
  hash=$(printf '%s\n' "$from" | cat - "$here/$name.Dockerfile" "$context" | sha256sum | cut -c 1-16)
  reference=nora-$name:$hash
  if ! held "$reference" || [ -n "${NORA_FRESH_BASE:-}" ]; then
    say "building $reference"
    tar -rf "$context" -C "$here" --owner=0 --group=0 --mode=644 "$name.Dockerfile"
    docker build --quiet --force-rm --build-arg "BASE=$from" -f "$name.Dockerfile" -t "$reference" - <"$context" >"$work/log" 2>&1 ||
      { cat "$work/log" >&2; return 1; }
  fi
  rm -f "$context"
  printf 'NORA_IMAGE_%s=%s\n' "$(echo "$name" | tr a-z A-Z)" "$reference"
  last=$reference
}

base=$("$here/base.sh")
node=$code/node_modules/.bin/node

# The links between Postgres's libraries are part of the image: its root is read-only.
(cd "$code" && "$node" -e "import('./shared/embedded/src/postgres-files.ts').then((files) => files.linkPostgresLibraries())")
"$node" "$here/app-files.mjs" "$code" >"$work/list"
pack "$code" --null --no-recursion -cf "$work/app.tar" -T "$work/list"
build app "$base" "$work/app.tar"
app=$last
pack "$here" -cf "$work/redis.tar" redis.conf
build redis "$base" "$work/redis.tar"
pack "$here" -cf "$work/nginx.tar" answers
build nginx "$base" "$work/nginx.tar"
nginx=$last
mkdir "$work/pages"
ln -s "$code/services/console/dist" "$work/pages/console"
ln -s "$code/services/admin/dist" "$work/pages/admin"
pack "$work/pages" -h -cf "$work/pages.tar" console admin
build pages "$nginx" "$work/pages.tar"
pack "$here" -cf "$work/netguard.tar" guarding
build netguard "$app" "$work/netguard.tar"
