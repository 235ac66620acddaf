# shellcheck shell=bash
# The stack of containers (docker-compose.yml): what setup.sh does in its compose mode. Uses setup.sh's functions and variables.

# compose_tool: prints the Compose that is here, v2's plugin before version 1; fails when there is none.
compose_tool() {
  if docker compose version >/dev/null 2>&1; then
    echo 'docker compose'
  elif has docker-compose; then
    echo docker-compose
  else
    return 1
  fi
}

# What the stack needs besides what everything needs, for install_packages.
compose_packages() {
  compose_tool >/dev/null || echo docker-compose:docker-compose
  if [ -z "${NORA_BASE_IMAGE:-}" ]; then echo mmdebstrap:mmdebstrap; fi
}

# Whether this machine can run the stack: root, an engine or an init that starts one, and a Compose and base images to be had.
compose_possible() {
  is_root || return 1
  { has docker && engine_answers; } || has_systemd || return 1
  compose_tool >/dev/null || has apt-get || return 1
  [ -n "${NORA_BASE_IMAGE:-}" ] || has mmdebstrap || has apt-get
}

# compose ARGUMENT...: Compose on this installation. Nothing of the caller's environment: it would win over the file.
compose() {
  local tool home=${HOME:-/root}
  tool=$(compose_tool) || fail 'no Compose is here' "$(script)"
  # shellcheck disable=SC2086
  env -i PATH="$PATH" HOME="$home" ${DOCKER_HOST:+DOCKER_HOST="$DOCKER_HOST"} \
    $tool --project-name "$(stack_setting NORA_PROJECT)" --env-file "$config/compose/.env" \
    --project-directory "$code" --file "$code/docker-compose.yml" "$@"
}

stack_setting() { sed -n "s/^$1='\(.*\)'$/\1/p" "$config/compose/.env" 2>/dev/null; }

# The images, from this machine alone, as NAME=REFERENCE words in `images`.
make_images() {
  step 'images'
  local built own
  built=$(bash "$code/infra/images/build.sh" "$code" 2> >(tee -a "$log" >&2)) || return 1
  own=$(PATH="$code/node_modules/.bin:$PATH" node "$code/services/worker/src/images/main.ts" 2>>"$log") || return 1
  mapfile -t images < <(
    echo "$built"
    echo "$own" | tr -d '{}"' | tr ',' '\n' | sed 's/:/=/'
  )
}

# A certificate for the names of the installation, where there is none or only one of our own making for other names.
make_certificate() {
  local file=$config/tls/fullchain.pem
  if [ -s "$file" ] && [ "$(openssl x509 -in "$file" -noout -issuer | cut -d= -f2-)" != "$(openssl x509 -in "$file" -noout -subject | cut -d= -f2-)" ]; then
    return
  fi
  [ -s "$file" ] || step 'certificate'
  quiet "$log" bash "$code/infra/setup-tls.sh" --self-signed --config "$config" --public-host "$(host_of NORA_PUBLIC_URL)" \
    --admin-host "$(host_of NORA_ADMIN_URL)" || fail 'the certificate could not be made' "read $log"
  note 'the certificate is self-signed: browsers warn until you bring one of your own (docs/edge.md)'
}

host_of() { setting api "$1" | sed 's#^https\{0,1\}://##; s#:[0-9]*$##; s#/.*##'; }

# Derives every file anew and starts what is not there or has changed; the rest runs on.
stack_up() {
  step 'starting'
  local was
  was=$(cat "$config/compose/.env" 2>/dev/null || true)
  supervisor compose-files "${images[@]}" || fail 'the files of the stack could not be written' 'read the line above'
  mount_keys
  local before after
  before=$(images_in "$was") after=$(images_in "$(cat "$config/compose/.env")")
  quiet "$log" compose up --detach --remove-orphans || {
    stack_trouble
    if grep -Eq 'port is already allocated|address already in use' "$log"; then
      fail "another program has port $(setting installation NORA_HTTPS_PORT) or $(setting installation NORA_HTTP_PORT)" \
        "stop it, or change NORA_HTTPS_PORT and NORA_HTTP_PORT in $config/installation.env and the port in $config/api.env; then $(script)"
    fi
    fail 'the stack does not start' "read $log and the lines above; then $(script)"
  }
  wait_healthy
  # What the last set-up made and this one does not use; an image that some container still uses is refused, and stays.
  comm -23 <(echo "$before") <(echo "$after") | while read -r one; do docker image rm "$one" >>"$log" 2>&1 || true; done
}

images_in() { sed -n "s/^NORA_IMAGE_[A-Z_]*='\(nora-.*\)'$/\1/p" <<<"$1" | sort -u; }

# The folder for agents' keys: memory, the worker's alone, on a mount that follows no link (docs/engine-proxy.md says why).
# Memory is empty after a restart of the machine, so the mount has to be there before the engine starts containers again.
mount_keys() {
  local keys uid options unit
  keys=$(stack_setting NORA_KEYS_DIR) uid=$(stack_setting NORA_UID_WORKER)
  uid=${uid%:*}
  options=mode=0700,uid=$uid,gid=$uid,size=256m,nosuid,nodev,noexec,nosymfollow
  if has_systemd && [ -z "$prefix" ]; then
    unit=$(systemd-escape --path --suffix=mount "$keys")
    printf '[Unit]\nDescription=Keys of agents that run\nBefore=docker.service\n\n[Mount]\nWhat=tmpfs\nWhere=%s\nType=tmpfs\nOptions=%s\n\n[Install]\nWantedBy=multi-user.target docker.service\n' \
      "$keys" "$options" >"/etc/systemd/system/$unit"
    quiet "$log" systemctl daemon-reload
    quiet "$log" systemctl enable "$unit"
  fi
  if grep -qE "^[^ ]+ [^ ]+ [^ ]+ [^ ]+ $keys [^ ]*nosymfollow" /proc/self/mountinfo; then return; fi
  quiet "$log" mount -t tmpfs -o "$options" nora-keys "$keys" ||
    fail "the folder for keys ($keys) cannot be mounted" 'this needs Linux 5.10 and util-linux 2.37 or newer; or use --mode embedded'
}

# What mount_keys made, for an uninstallation.
unmount_keys() {
  local keys unit
  keys=$(stack_setting NORA_KEYS_DIR)
  [ -n "$keys" ] || return 0
  if has_systemd && [ -z "$prefix" ]; then
    unit=$(systemd-escape --path --suffix=mount "$keys")
    systemctl disable --now "$unit" >/dev/null 2>&1 || true
    rm -f "/etc/systemd/system/$unit"
  fi
  umount "$keys" 2>/dev/null || true
}

# health NAME: healthy, starting, unhealthy, or how it stands when it has no check.
health() {
  local state
  state=$(docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' "$1" 2>/dev/null) ||
    state=missing
  echo "$state"
}

services() { compose config --services; }
container() { echo "$(stack_setting NORA_PROJECT)-$1"; }

wait_healthy() {
  local waited=0 one waiting told=''
  while :; do
    waiting=()
    for one in $(services); do
      [ "$one" != migrate ] || continue
      [ "$(health "$(container "$one")")" = healthy ] || waiting+=("$one")
    done
    if [ ${#waiting[@]} -eq 0 ]; then break; fi
    if [ $waited -ge 180 ]; then
      stack_trouble
      fail "not healthy after three minutes: ${waiting[*]}" "$(script) --doctor"
    fi
    if [ $((waited % 10)) -eq 9 ] && [ "$told" != "${waiting[*]}" ]; then
      told=${waiting[*]}
      note "waiting for $told"
    fi
    sleep 1
    waited=$((waited + 1))
  done
  note 'everything is healthy'
}

# The last lines of whatever does not do well.
stack_trouble() {
  local one state
  for one in $(services); do
    state=$(health "$(container "$one")")
    case $state in healthy | starting | exited) [ "$state" = healthy ] && continue ;; esac
    printf '%s\n' "--- $one is $state:" >&2
    docker logs --tail 15 "$(container "$one")" >&2 2>&1 || true
  done
}
