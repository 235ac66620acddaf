#!/usr/bin/env bash
# What `npm test` runs: every test project on this machine, with what they need installed and an engine running.
# The last line is `N passed, N failed`; the exit code says the same.
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
# shellcheck source=infra/lib.sh
. "$here/infra/lib.sh"
cd "$here"

work=$(mktemp -d "${TMPDIR:-/tmp}/nora-test.XXXXXX")
# shellcheck disable=SC2317  # the trap calls it
cleanup() {
  end_engine
  rm -rf "$work"
}
trap cleanup EXIT

step 'programs'
# The browser that the pages are tested in, with letters to show and a network of its own; a keyring, which a test unlocks in a
# session of its own; the web server of the edge, and what gets its certificates.
install_packages "$work/install.log" chromium:chromium fc-list:fontconfig \
  dbus-run-session:dbus-daemon gnome-keyring-daemon:gnome-keyring secret-tool:libsecret-tools \
  ip:iproute2 nginx:nginx-light certbot:certbot
[ -d /usr/share/fonts/truetype/dejavu ] || ! is_root || quiet "$work/install.log" apt-get install -y --no-install-recommends fonts-dejavu-core
step 'packages'
npm_install "$here" "$work/install.log"
export PATH="$here/node_modules/.bin:$PATH"

step 'the pages'
quiet "$work/install.log" npm run --silent build || fail 'the pages cannot be built' 'npm run build'

step 'the Docker Engine'
if engine_answers; then
  note 'answers'
elif is_root && ! has_systemd; then
  note 'starting dockerd for the tests'
  own_engine "$work/dockerd.log"
elif is_root; then
  systemctl start docker || fail 'docker.service does not start' 'journalctl -u docker'
else
  fail 'no Docker Engine answers' "sudo systemctl start docker; sudo usermod -aG docker $(id -un)"
fi

step 'tests'
status=0
"$here/node_modules/.bin/vitest" run --reporter=default --reporter=json --outputFile.json="$work/report.json" "$@" ||
  status=$?
counts=$(node "$here/infra/count-tests.mjs" "$work/report.json" "$work/failures.txt") || {
  echo "0 passed, 1 failed"
  exit 1
}
cat "$work/failures.txt"
if [ -n "${NORA_TEST_FAILURES:-}" ]; then cp "$work/failures.txt" "$NORA_TEST_FAILURES"; fi
echo "$counts"
exit "$status"
