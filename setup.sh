#!/usr/bin/env bash
# Installs Nora on this machine and starts it. Safe to run again: it keeps every secret and setting that is there.
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=infra/lib.sh
. "$here/infra/lib.sh"
# shellcheck source=infra/compose.sh
. "$here/infra/compose.sh"
# shellcheck source=infra/rotate.sh
. "$here/infra/rotate.sh"

usage() {
  cat <<'TEXT'
usage: ./setup.sh [COMMAND] [OPTIONS]

  (no command)   install what is missing, make secrets, start everything, print the URL
  --demo         the same, then the whole way once: claim, provider key, agent, its answer, its logs
                 (--keep leaves the demo's agent and key there; NORA_DEMO_API_KEY, with NORA_DEMO_BASE_URL and
                 NORA_DEMO_MODEL, asks a real provider; NORA_DEMO_EMAIL and NORA_DEMO_PASSWORD are an account of yours)
  --status       what runs, since when and why
  --doctor       look for problems; each comes with its fix
  --stop         stop everything
  --reset-admin  set a new password for the first platform admin
  --reset-passkeys EMAIL
                 take passkeys and recovery codes off an account whose person has lost them
  --encryption-key [TO]
                 say where ENCRYPTION_KEY comes from, or move it: to env, file:/path, sealed-file[:/path] (encrypted under a
                 passphrase, asked for or taken from --passphrase-file FILE), keyring:<service>/<account>
  --secret-replaced NAME
                 a secret that you replaced by hand counts as new from today (docs/secrets.md)
  --rotate [NAME] [--finish]
                 exchange a secret while everything runs; without NAME: list them (docs/rotation.md)
  --new-capability-key
                 take a NORA_CAPABILITY_PRIVATE_KEY whose one before is lost (docs/rotation.md)
  --uninstall    remove this installation after asking; --purge also removes database, keys and volumes
  --help         this page

  --mode MODE    compose: containers, nginx with TLS (docs/compose.md); embedded: processes of this machine. Chosen once,
                 compose where this is root and a Compose tool and images can be had
  --prefix DIR   act on a second installation with all its files below DIR, beside the machine's own
  --yes          do not ask

As root: code in /opt/nora, settings in /etc/nora, data in /var/lib/nora, logs in /var/log/nora (compose: docker logs); each
process has its own user. As a user (who may use Docker): everything in .nora/ here, without that separation.
TEXT
}

command=install log='' prefix='' yes='' purge='' keep='' email='' name='' passphrase_file='' finish='' mode='' images=()
while [ $# -gt 0 ]; do
  case $1 in
    --demo | --status | --doctor | --stop | --reset-admin | --new-capability-key | --uninstall) command=${1#--} ;;
    --reset-passkeys)
      [ $# -ge 2 ] || fail '--reset-passkeys needs an e-mail address' './setup.sh --reset-passkeys them@your-domain.org'
      command=reset-passkeys email=$2
      shift
      ;;
    --encryption-key)
      command=encryption-key
      case ${2:-} in
        '' | -*) ;;
        *)
          name=$2
          shift
          ;;
      esac
      ;;
    --passphrase-file)
      [ $# -ge 2 ] || fail '--passphrase-file needs a file' './setup.sh --encryption-key sealed-file --passphrase-file /root/passphrase'
      passphrase_file=$(realpath -m -- "$2")
      shift
      ;;
    --secret-replaced)
      [ $# -ge 2 ] || fail '--secret-replaced needs a name of docs/secrets.md' './setup.sh --secret-replaced NORA_OIDC_CLIENT_SECRET'
      command=secret-replaced name=$2
      shift
      ;;
    --rotate)
      command=rotate
      case ${2:---} in -*) ;; *)
        name=$2
        shift
        ;;
      esac
      ;;
    --finish) finish=--finish ;;
    --prefix)
      [ $# -ge 2 ] || fail '--prefix needs a folder' './setup.sh --prefix /srv/nora-test'
      prefix=$(realpath -m -- "$2")
      shift
      ;;
    --prefix=*) prefix=$(realpath -m -- "${1#--prefix=}") ;;
    --mode)
      [ $# -ge 2 ] || fail '--mode needs compose or embedded' './setup.sh --mode embedded'
      mode=$2
      shift
      ;;
    --mode=*) mode=${1#--mode=} ;;
    --yes) yes=--yes ;;
    --purge) purge=--purge ;;
    --keep) keep=--keep ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) fail "unknown option: $1" './setup.sh --help' ;;
  esac
  shift
done

# An option of another command would be passed over in silence, and `--purge` alone would install.
belongs() { [ -z "$1" ] || [ "$command" = "$3" ] || fail "$2 goes with --$3" "./setup.sh --$3 $2"; }
belongs "$purge" --purge uninstall
belongs "$finish" --finish rotate
belongs "$keep" --keep demo
belongs "$passphrase_file" --passphrase-file encryption-key

if [ -n "$prefix" ]; then
  require_own "$prefix" 'choose a --prefix below folders of your own'
  config=$prefix/etc/nora
elif is_root; then
  config=/etc/nora
else
  config=$here/.nora/config
fi
unit=/etc/systemd/system/nora.service
case $mode in '' | compose | embedded) ;; *) fail "--mode $mode is neither compose nor embedded" './setup.sh --help' ;; esac

# Where the code runs from. Root copies it to /opt/nora, so that the checkout may sit where services cannot look (such
# as /root) and may change without changing what runs. A second installation runs from the checkout if it can.
code_folder() {
  if ! is_root; then
    echo "$here"
  elif [ -n "$prefix" ]; then
    if setpriv --reuid 65534 --regid 65534 --clear-groups test -r "$here/package.json" 2>/dev/null; then
      echo "$here"
    else
      echo "$prefix/opt/nora"
    fi
  else
    echo /opt/nora
  fi
}

# Our own calls trust the stack's certificate, which may be signed by nobody but itself.
trusted() {
  if [ -f "$config/tls/fullchain.pem" ]; then echo "$config/tls/fullchain.pem"; else echo "${NODE_EXTRA_CA_CERTS:-}"; fi
}

supervisor() {
  local options=()
  if [ -n "$prefix" ]; then options=(--prefix "$prefix"); fi
  [ -x "$code/node_modules/.bin/node" ] || fail "nothing is installed in $config" "$(script)"
  PATH="$code/node_modules/.bin:$PATH" NODE_EXTRA_CA_CERTS=$(trusted) "$code/node_modules/.bin/node" --disable-sigusr1 \
    "$code/services/supervisor/src/main.ts" "${options[@]}" "$@"
}

# Made complete beside its place and swapped in later: an interrupted or failed copy never runs, and what runs now
# goes on until then. The packages of the present code are linked over, for npm to replace only when the lock changed.
stage_code() {
  local fresh=$1 name names=()
  rm -rf "$fresh"
  mkdir -p "$fresh"
  for name in package.json package-lock.json .npmrc .env.example LICENSE README.md SECURITY.md CHANGELOG.md setup.sh \
    services shared migrations infra docker-compose.yml; do
    if [ -e "$here/$name" ]; then names+=("$name"); fi
  done
  tar -C "$here" --exclude=node_modules --exclude=.nora --exclude=dist --exclude='*.test.ts' -cf - "${names[@]}" |
    tar -xf - -C "$fresh" --no-same-owner
  chmod -R u+rwX,go+rX,go-w "$fresh"
  if [ -d "$code/node_modules" ]; then cp -al "$code/node_modules" "$fresh/node_modules"; fi
}

# What runs is stopped before its code changes under it; an engine we started stays up, and the agents with it.
pause_running() {
  # Containers run from images: they go on until Compose makes them anew.
  [ "$mode" != compose ] || return 0
  [ -x "$code/node_modules/.bin/node" ] && [ -d "$config" ] || return 0
  if uses_unit; then
    if [ -f "$unit" ]; then systemctl stop nora; fi
  else
    supervisor stop --keep-agents >/dev/null || fail 'what runs now does not stop' "$(script) --doctor"
  fi
}

# secret FILE NAME VALUE: written once, kept for ever after.
secret() {
  local file=$config/$1.env
  # As those who read it take a line: one behind a spelling that is not known here would win over it.
  if [ -f "$file" ] && grep -Eq "^\s*(export\s+)?$2(_FILE)?\s*=\s*\S" "$file"; then return; fi
  if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >>"$file"; fi
  (umask 077 && printf '%s=%s\n' "$2" "$3" >>"$file")
  chmod 600 "$file"
  note "made $2"
}

hex32() { openssl rand -hex 32; }
seed32() { openssl rand 32 | base64 -w 0 | tr '+/' '-_' | tr -d '='; }

make_secrets() {
  step "secrets in $config"
  if [ ! -f "$config/worker.env" ] && [ -d "$(data_folder)/postgres/data" ]; then
    fail "$config/worker.env is gone, but there is a database whose secrets only its ENCRYPTION_KEY opens" \
      "put your copy of ENCRYPTION_KEY back into $config/worker.env, or remove the data with ./setup.sh --uninstall --purge"
  fi
  supervisor keep-pepper || fail 'api.env cannot be read' 'read the line above'
  secret api NORA_API_KEY_PEPPER "$(hex32)"
  if ! grep -Eqs '^\s*(export\s+)?ENCRYPTION_KEY_(KEYRING|SEALED_FILE)\s*=\s*\S' "$config/worker.env"; then
    secret worker ENCRYPTION_KEY "$(hex32)"
  fi
  secret api JWT_SECRET "$(hex32)"
  secret api NORA_CAPABILITY_PRIVATE_KEY "$(seed32)"
  secret api NORA_SETUP_TOKEN "$(hex32)"
  secret migrate NORA_DB_PASSWORD_MIGRATOR "$(hex32)"
  secret migrate NORA_DB_PASSWORD_APP "$(hex32)"
  secret migrate NORA_DB_PASSWORD_WORKER "$(hex32)"
  if [ "$mode" = compose ]; then
    secret api NORA_REDIS_PASSWORD_API "$(hex32)"
    secret worker NORA_REDIS_PASSWORD_WORKER "$(hex32)"
  fi
  supervisor record-secrets || fail 'the ages of the secrets could not be noted' 'read the line above'
}

data_folder() {
  if [ -n "$prefix" ]; then echo "$prefix/var/lib/nora"; elif is_root; then echo /var/lib/nora; else echo "$here/.nora/data"; fi
}

check_engine() {
  step 'the Docker Engine'
  if engine_answers; then
    note "Docker $(docker version --format '{{.Server.Version}}' 2>/dev/null) answers"
  elif has_systemd && is_root; then
    note 'starting docker.service'
    systemctl enable --now docker >/dev/null 2>&1 || true
    engine_answers || fail 'the Docker Engine does not start' 'journalctl -u docker'
  elif is_root; then
    note 'there is no init system here: the supervisor will start dockerd'
  else
    fail 'no Docker Engine answers, or you may not use it' \
      "sudo systemctl start docker; sudo usermod -aG docker $(id -un), then sign in again"
  fi
}

uses_unit() { is_root && [ -z "$prefix" ] && has_systemd; }

start_all() {
  step 'starting'
  if uses_unit; then
    install -m 644 "$code/infra/systemd/nora.service" "$unit"
    systemctl daemon-reload
    systemctl enable nora >/dev/null 2>&1
    systemctl restart nora || fail 'nora.service does not start' 'journalctl -u nora'
    supervisor wait || fail 'it did not become ready' "$(script) --doctor"
  else
    # Compiled code is kept where the supervisor keeps its own, so that the next start is quicker.
    NODE_COMPILE_CACHE="$(data_folder)/cache/supervisor" supervisor start || fail 'it did not become ready' "$(script) --doctor"
  fi
}

script() { if [ -n "$prefix" ]; then echo "./setup.sh --prefix $prefix"; else echo ./setup.sh; fi; }

setting() { { sed -n "s/^$2=//p" "$config/$1.env" 2>/dev/null || true; } | tail -n 1; }

# The console and the admin app, from their sources: a few seconds.
build_pages() {
  note 'building the pages'
  (
    cd "$1"
    export PATH="$1/node_modules/.bin:$PATH"
    for app in console admin; do quiet "$log" node node_modules/vite/bin/vite.js build "services/$app" || exit 1; done
  ) || fail 'the pages could not be built' "read $log, then run this again"
}

# The shape is chosen once: each has a database of its own, and a second choice would start with an empty one.
choose_mode() {
  local known
  known=$(setting installation NORA_MODE)
  if [ -z "$known" ] && [ -f "$config/installation.env" ]; then known=embedded; fi
  if [ -n "$known" ] && [ "${mode:-$known}" != "$known" ]; then
    fail "this installation is $known: its database would not be taken along to $mode" \
      "$(script) without --mode; or a second one: ./setup.sh --mode $mode --prefix DIR"
  fi
  chosen=${mode:-$known}
  mode=$chosen
  [ "$mode" != compose ] || is_root || fail 'the stack of containers is for root to set up' "sudo $(script) --mode compose; or --mode embedded"
  if [ -n "$mode" ]; then return; fi
  if compose_possible; then mode=compose; else mode=embedded; fi
}

remember_mode() {
  [ -z "$(setting installation NORA_MODE)" ] || return 0
  # What lies above is for every process to go through.
  (umask 022 && mkdir -p "$(dirname "$config")")
  (umask 077 && mkdir -p "$config" && printf 'NORA_MODE=%s\n' "$mode" >>"$config/installation.env")
}

# Where nobody chose, what cannot be had is no failure: the other shape needs neither Compose nor images.
install_stack_packages() {
  local wanted
  mapfile -t wanted < <(compose_packages)
  if [ -n "$chosen" ]; then
    install_packages "$log" "${wanted[@]}"
  elif ! (install_packages "$log" "${wanted[@]}"); then
    note 'Compose or what makes images is not to be had: going on as --mode embedded'
    mode=embedded
    install_packages "$log"
  fi
}

install_stack() {
  check_engine
  engine_answers || fail 'no Docker Engine answers' 'start dockerd, then run this again; or use --mode embedded, which starts one'
  if ! make_images; then
    [ -z "$chosen" ] || fail 'the images could not be made' "read $log; or use --mode embedded"
    note "the images could not be made ($log): going on as --mode embedded"
    mode=embedded
    return 1
  fi
  step 'folders, networks, ports'
  remember_mode
  supervisor prepare || fail 'could not prepare the installation' "read the line above; then $(script)"
  make_secrets
  make_certificate
  stack_up
}

install_all() {
  # At once: where anybody makes folders, as in /tmp, somebody else could make it before it is used.
  if [ -n "$prefix" ]; then
    (umask 022 && mkdir -p "$prefix")
    require_own "$prefix" 'choose a --prefix below folders of your own'
  fi
  [ "$(uname -sm)" = 'Linux x86_64' ] || fail "this machine is $(uname -sm)" 'use Linux on x86-64'
  choose_mode
  log=$(mktemp "${TMPDIR:-/tmp}/nora-setup.XXXXXX")
  step "programs ($mode)"
  if [ "$mode" = embedded ]; then install_packages "$log"; else install_stack_packages; fi
  code=$(code_folder)
  step 'packages'
  if [ "$code" = "$here" ]; then
    pause_running
    npm_install "$code" "$log"
    build_pages "$code"
  else
    note "copying the code to $code"
    stage_code "$code.new"
    npm_install "$code.new" "$log" --omit=dev
    build_pages "$code.new"
    pause_running
    rm -rf "$code"
    mv "$code.new" "$code"
  fi
  if [ "$mode" = compose ] && install_stack; then
    rm -f "$log"
    return
  fi
  check_engine
  step 'users, folders, ports'
  remember_mode
  supervisor prepare || fail 'could not prepare the installation' "read the line above; then $(script)"
  make_secrets
  start_all
  rm -f "$log"
}

summary() {
  local url token claimed admin port
  port=$(setting installation NORA_PORT)
  [ "$mode" != compose ] || port=$(setting installation NORA_HTTPS_PORT)
  url=$(setting api NORA_PUBLIC_URL)
  [ -n "$url" ] || url=http://localhost:$(setting installation NORA_PORT)
  token=$(setting api NORA_SETUP_TOKEN)
  claimed=$(PATH="$code/node_modules/.bin:$PATH" NODE_EXTRA_CA_CERTS=$(trusted) node -e \
    "fetch(process.argv[1] + '/api/auth/bootstrap-status').then((r) => r.json()).then((r) => console.log(r.claimed))" \
    "$(if [ "$mode" = compose ]; then echo "$url"; else echo "http://127.0.0.1:$port"; fi)" 2>/dev/null || echo unknown)
  printf '\n%sNora is ready.%s\n\n' "$bold" "$plain"
  printf '  URL           %s\n' "$url"
  if [ "$claimed" != true ]; then
    printf '  Setup token   %s\n' "$token"
    printf '  Next          open the URL in a browser and claim the server with the token: the first account is its admin\n'
  else
    printf '  Next          it is claimed: open the URL in a browser and sign in\n'
  fi
  admin=$(setting api NORA_ADMIN_URL)
  printf '  Admin app     %s/admin/\n' "${admin:-$url}"
  from_afar "$url" "$port" | sed '1s/^/  From afar     /; 2,$s/^/                /'
  printf '  Keep safe     ENCRYPTION_KEY (%s/worker.env says where): put a copy in a safe OFF this machine.\n' "$config"
  printf '                Without it every stored key is lost; with it and the database, every key can be read.\n'
  printf '  Look after    %s --status | --doctor | --stop | --demo\n' "$(script)"
  is_root || printf '  Mind          without root all processes share your user: a broken api could read the worker'"'"'s keys\n'
}

# Nothing is removed on a mere Enter: the word has to be typed.
confirm_removal() {
  [ -z "$yes" ] || return 0
  local what='but not its database, keys and volumes' answer=''
  [ -z "$purge" ] || what='WITH its database, all keys and all volumes'
  printf 'Remove the installation in %s, %s? Type "remove": ' "$config" "$what"
  read -r answer || true
  if [ "$answer" != remove ]; then
    echo 'nothing was removed'
    exit 1
  fi
}

code=$(code_folder)
case $command in
  install)
    install_all
    summary
    ;;
  demo)
    install_all
    step 'demo'
    # shellcheck disable=SC2086
    supervisor demo $keep || fail 'the demo did not finish' "$(script) --doctor"
    summary
    ;;
  stop) if uses_unit; then systemctl stop nora && echo stopped; else supervisor stop; fi ;;
  uninstall)
    [ -d "$config" ] || fail "nothing is installed in $config" "$(script)"
    confirm_removal
    if uses_unit; then systemctl disable --now nora >/dev/null 2>&1 || true; fi
    if [ "$(setting installation NORA_MODE)" = compose ]; then
      # Ends here while agents may still run: their keys stay mounted.
      # shellcheck disable=SC2086
      supervisor remove-agents $purge
      unmount_keys
    fi
    # shellcheck disable=SC2086
    supervisor uninstall --yes $purge
    if uses_unit; then
      rm -f "$unit"
      systemctl daemon-reload
    fi
    if [ "$code" != "$here" ]; then rm -rf "$code"; fi
    echo 'Debian packages that were installed (Docker, Compose, Redis, Node and others) stay: other programs may use them.'
    ;;
  encryption-key)
    options=()
    if [ -n "$name" ]; then options+=("$name"); fi
    if [ -n "$passphrase_file" ]; then options+=(--passphrase-file "$passphrase_file"); fi
    supervisor encryption-key "${options[@]}"
    ;;
  rotate) rotate_secret ;;
  secret-replaced) supervisor secret-replaced "$name" ;;
  reset-passkeys) supervisor reset-passkeys "$email" ;;
  *) supervisor "$command" ;;
esac
