# fio writes patterns and reads them back, several jobs at once; then all of it once more from the
# server, with an empty cache. Then other patterns over the same files.
megabytes=$(scaled 24)

# verified OPTION...: every job covers its file in one pass, so that a later pass with the same seed
# can verify it without writing.
verified() {
  cd /tmp || return 1
  fio --output=/tmp/fio.txt --directory="$WORK" --size="${megabytes}m" --verify=crc32c \
    --verify_fatal=1 --verify_state_save=0 --thread --ioengine=psync --group_reporting "$@" \
    --name=sequential-buffered --rw=write --bs=128k --end_fsync=1 \
    --name=sequential-direct --rw=write --bs=256k --direct=1 \
    --name=random-buffered --rw=randwrite --bsrange=4k-64k --fsync=64 \
    --name=random-odd --rw=randwrite --bs=6k --size="$((megabytes * 996))k" --fsync=200 \
    --name=random-direct --rw=randwrite --bs=16k --direct=1 \
    --name=mixed --rw=randrw --bs=8k --fsync=100 \
    --name=synchronous --rw=randwrite --bs=32k --sync=1 2>/tmp/complaints ||
    { cat /tmp/fio.txt /tmp/complaints; return 1; }
  ! grep -i -E 'verify|error' /tmp/fio.txt
}

for pass in 1 2; do
  check "write-and-verify-$pass" verified --randseed="$SEED$pass"
  remount
  check "verify-after-remount-$pass" verified --randseed="$SEED$pass" --verify_only
done
