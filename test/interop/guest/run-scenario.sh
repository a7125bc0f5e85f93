#!/bin/sh
# Runs one scenario: mounts the export, enters a directory of the scenario's own, reads its script.
# Scripts report with the functions below. Their environment:
#   WORK      the directory on the server that belongs to this run, and the current directory
#   FIXTURES  what the host has prepared, read-only
#   HERE      the folder with the scripts
#   RELAY     a directory that all guests share without going through the server
#   PERCENT   how much work to do, SEED for random choices, GUEST the number of this guest
#   DISTURBED yes when the server is killed meanwhile
set -u
set -a
. "$1"
set +a

export FIXTURES=/run/enclosure/fixtures HERE=/run/enclosure/scenarios RELAY=/run/relay
export NFS=/mnt/nfs WORK="/mnt/nfs/$SCENARIO-disturbed-$DISTURBED"
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'

# mount_export OPTIONS: the options on top of the usual ones.
mount_export() { mount_below '' "$NFS" "${1:-}"; }

# mount_below PATH DIRECTORY OPTIONS: what lies at a path below the export.
mount_below() {
  usual="vers=3,proto=tcp,port=$PORT,mountport=$MOUNT_PORT,mountproto=tcp,nolock,hard"
  mount -t nfs -o "$usual${MOUNT_OPTIONS:+,$MOUNT_OPTIONS}${3:+,$3}" "$SERVER:$EXPORT$1" "$2"
}

# Writes everything back, forgets everything cached, and mounts again: with options, if given.
remount() {
  cd /
  sync
  umount "$NFS" && mount_export "${1:-}" && cd "$WORK" && return 0
  fail remount "cannot mount anew"
  exit 1
}

drop_caches() {
  sync
  echo 3 >/proc/sys/vm/drop_caches
}

ok() { echo "@@ ok $1"; }

fail() { echo "@@ fail $*"; }

# check NAME COMMAND...: reports whether the command succeeded, and shows its output if not.
check() {
  name=$1
  shift
  if "$@" >/tmp/output 2>&1; then
    ok "$name"
  else
    status=$?
    tail -n 30 /tmp/output
    fail "$name" "status $status: $(tail -n 1 /tmp/output)"
    return 1
  fi
}

# must NAME COMMAND...: a check without which the rest makes no sense.
must() { check "$@" || exit 1; }

same() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }

scaled() { echo $((($1 * PERCENT + 99) / 100)); }

# crash_point NAME: has the host kill and restart the server now, and waits until it has; each name
# once. Does nothing when the run is not to be disturbed.
crash_point() {
  [ "$DISTURBED" = yes ] || return 0
  echo "@@ kill $GUEST-$JOB-$1"
  until [ -e "$RELAY/killed-$GUEST-$JOB-$1" ]; do sleep 0.05; done
}

mount_export '' || { fail mount "cannot mount $SERVER:$EXPORT"; exit 1; }
mkdir -p "$WORK" || { fail workdir "cannot create $WORK"; exit 1; }
echo '@@ started'
# In a subshell, so that nothing the script does can keep this shell from unmounting.
(cd "$WORK" && . "$HERE/$SCENARIO.sh")
status=$?
sync
umount "$NFS" || { fail unmount "cannot unmount"; status=1; }
exit "$status"
