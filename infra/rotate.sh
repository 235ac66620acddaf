# shellcheck shell=bash
# Exchanging secrets: what setup.sh --rotate does around the supervisor's own `rotate`. Uses setup.sh's functions and variables.

# Starts what runs anew with what stands in the env files, and waits until it is healthy. Agents go on.
restart_all() {
  step 'starting anew'
  if [ "$mode" = compose ]; then
    images=()
    stack_up
  elif uses_unit; then
    systemctl restart nora || fail 'nora.service does not start' 'journalctl -u nora'
    supervisor wait || fail 'it did not become ready' "$(script) --doctor"
  else
    supervisor restart || fail 'it did not become ready' "$(script) --doctor; then this command again"
  fi
}

# Every step is on the disk before the next begins: whoever interrupts this runs it again, and it goes on.
rotate_secret() {
  local status restarted=''
  [ -d "$config" ] || fail "nothing is installed in $config" "$(script)"
  mode=$(setting installation NORA_MODE)
  if [ -z "$name" ]; then
    supervisor rotate
    return
  fi
  log=$(mktemp "${TMPDIR:-/tmp}/nora-rotate.XXXXXX")
  exec 9>"$config/.rotating"
  flock --nonblock 9 || fail 'another exchange runs' 'wait until it has ended'
  step "exchanging $name"
  while :; do
    status=0
    # The lock is this script's alone: what is started here outlives it.
    # shellcheck disable=SC2086
    supervisor rotate "$name" $finish $yes $restarted 9>&- || status=$?
    case $status in
      0 | 11) break ;;
      10)
        restart_all 9>&-
        restarted=--restarted
        ;;
      *) fail "the exchange of $name stopped; nothing is lost" "see the line above, then $(script) --rotate $name again" ;;
    esac
  done
  rm -f "$log"
}
