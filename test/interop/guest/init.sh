#!/bin/sh
# Process 1 of a guest. GUEST (its number) and ENCLOSURE (the directory that it shares with the host)
# come from the kernel's command line. It loads the client, brings up the network, and then runs the
# jobs that appear in the relay directory, one after the other.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export GUEST LANG=C.UTF-8 HOME=/tmp PYTHONDONTWRITEBYTECODE=1

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /mnt
mkdir /run/enclosure /run/relay /mnt/nfs
mount --bind "$ENCLOSURE" /run/enclosure
mount -t hostfs -o "$ENCLOSURE/relay" hostfs /run/relay
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
hostname "guest$GUEST"

# There may be no modprobe, and /lib/modules belongs to the host's own kernel: load a module after
# everything that modules.dep says it needs, deepest first.
load() {
  modules=/usr/lib/uml/modules/$(uname -r)
  needs=$(sed -n "s|^\([^:]*/$1\.ko\):|\1|p" "$modules/modules.dep")
  reversed=
  for module in $needs; do reversed="$module $reversed"; done
  for module in $reversed; do
    busybox insmod "$modules/$module" 2>/dev/null
  done
}
load nfs
load nfsv3

ip link set lo up
ip addr add "10.77.$GUEST.2/24" dev vec0
ip link set vec0 up
ip route add default via "10.77.$GUEST.1"
dmesg -n 1
echo '@@ booted'

job=1
while :; do
  until [ -e "/run/relay/job-$GUEST-$job" ]; do sleep 0.05; done
  mountpoint -q /tmp && umount -l /tmp
  mount -t tmpfs -o mode=1777 tmpfs /tmp
  dmesg -C
  JOB=$job sh /run/enclosure/guest/run-scenario.sh "/run/relay/job-$GUEST-$job" 2>&1
  status=$?
  dmesg -t | sed 's/^/@@ kernel /'
  echo "@@ done $status"
  job=$((job + 1))
done
