#!/usr/bin/env bash
# The first process of a world of its own (new network, mount and pid namespaces): usage enter.sh FOLDER PROGRAM...
# Everything that it starts, the engine and its containers too, ends with it.
set -euo pipefail

folder=$1
shift
ip link set lo up
# Where the stand-in provider listens: agents reach it through their own bridge, whichever networks come and go.
ip address add 10.255.255.1/32 dev lo
# The engine's socket, pid files and network handles, and the keys of agents, are this world's alone.
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -p "$folder/engine" /var/lib/docker /etc/docker
mount --bind "$folder/engine" /var/lib/docker
mount -t tmpfs -o mode=755 tmpfs /etc/docker
printf '{"cgroup-parent":"/%s"}\n' "$(basename "$folder")" >/etc/docker/daemon.json

# Not exec: somebody must collect the orphans of killed processes.
"$@" &
program=$!
trap 'kill -TERM "$program"' TERM INT
while kill -0 "$program" 2>/dev/null; do wait "$program" && code=0 || code=$?; done
exit "${code:-1}"
