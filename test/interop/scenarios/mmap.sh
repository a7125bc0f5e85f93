# What is written through memory maps must reach the server, and come back from it.
megabytes=$(scaled 24)

mapped() {
  cd /tmp || return 1
  fio --output=/tmp/fio.txt --directory="$WORK" --size="${megabytes}m" --verify=crc32c \
    --verify_fatal=1 --verify_state_save=0 --thread --ioengine=mmap --fallocate=none \
    --randseed="$SEED" "$@" \
    --name=sequential --rw=write --bs=64k --end_fsync=1 \
    --name=random --rw=randwrite --bs=4k --fsync=256 \
    --name=mixed --rw=randrw --bs=16k --fsync=64 2>/tmp/complaints ||
    { cat /tmp/fio.txt /tmp/complaints; return 1; }
}

check fio-write-and-verify mapped
cd "$WORK" || exit 1
python3 "$HERE/mapping.py" write "$SEED" || fail mapping "ended with status $?"
remount
check fio-verify-after-remount mapped --verify_only
cd "$WORK" || exit 1
python3 "$HERE/mapping.py" read "$SEED" || fail mapping-after-remount "ended with status $?"
