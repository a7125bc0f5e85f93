#!/bin/sh
# Process 1 of an enclosure: its own network, mount and process namespaces. It prepares them, says
# `ready`, and lives until its standard input ends: when the test closes it, or dies in any way. Then
# every process inside is killed, the devices go with the namespace, and the directory is removed.
set -eu
directory=$1
address=$2
guests=$3

mount -t tmpfs tmpfs /run
ip link set lo up
ip addr add "$address/32" dev lo
n=1
while [ "$n" -le "$guests" ]; do
  ip tuntap add "tap$n" mode tap
  ip addr add "10.77.$n.1/24" dev "tap$n"
  ip link set "tap$n" up
  n=$((n + 1))
done
echo ready

cat >/dev/null || true

tries=0
while kill -9 -1 2>/dev/null && [ "$tries" -lt 20 ]; do
  tries=$((tries + 1))
  sleep 0.02
done
rm -rf -- "$directory"
