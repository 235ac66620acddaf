#!/bin/sh
# Starts the browser, with the arguments given, in a network namespace of its own. What it asks for leaves through a relay.
# From the environment: APART_FOLDER, where `socks` is the socket that the relay leads to; APART_NODE, the program for the relay.
# Chromium drops what is on its way whenever an interface of its machine comes or goes, as one does with every container: here
# none does. The pair of interfaces is there because a browser without any believes that it is off-line.
set -e
if [ "${1-}" != --inside ]; then
  if [ "$(id -u)" = 0 ]; then own='--net'; else own='--user --map-root-user --net'; fi
  # shellcheck disable=SC2086  # several words
  exec unshare $own "$0" --inside "$@"
fi
shift
ip link set lo up
ip link add name out type veth peer name nowhere
for link in out nowhere; do
  ip link set "$link" addrgenmode none
  ip link set "$link" up
done
ip addr add 192.0.2.1/24 dev out
mkfifo "$APART_FOLDER/ready"
# Of what the browser was given it keeps nothing open, 3 and 4 by which it is steered least of all: it is gone when they are closed.
"$APART_NODE" "$(dirname "$0")/relay.ts" "$APART_FOLDER/socks" </dev/null >"$APART_FOLDER/ready" 2>/dev/null 3<&- 4<&- &
read -r _ <"$APART_FOLDER/ready"
exec /usr/bin/chromium "$@"
