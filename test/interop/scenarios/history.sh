# The past is browsed and copied from: .history at the root of the export, as of moments of this run.
here=${WORK#"$NFS"/}
past() { echo "$NFS/.history/$1/$here"; }

# The moment of the last change of something: its ctime, to the nanosecond.
moment_of() { TZ=UTC stat -c %z "$1" | sed 's/ /T/; s/ .*/Z/'; }

refused() { ! "$@"; }

mkdir tree tree/sub
files=$(scaled 40)
i=1
while [ "$i" -le "$files" ]; do
  head -c $((i * 3000)) /dev/urandom >"tree/file-$i"
  i=$((i + 1))
done
ln -s ../file-1 tree/sub/link
echo first >tree/note
sync
chmod 640 tree/note
then=$(moment_of tree/note)
(cd tree && find . -type f -exec sha256sum {} + | sort) >/tmp/then
ls -lR --time-style=full-iso tree | grep -v '^total' >/tmp/list-then
crash_point changed

i=1
while [ "$i" -le "$files" ]; do
  case $((i % 3)) in
  0) rm "tree/file-$i" ;;
  1) echo overwritten >"tree/file-$i" ;;
  2) mv "tree/file-$i" "tree/sub/moved-$i" ;;
  esac
  i=$((i + 1))
done
echo second >tree/note
rm tree/sub/link
sync

# Hidden from listings, and found by name.
check hidden refused sh -c "ls -A $NFS | grep -qx .history"
check found test -d "$NFS/.history"
must moment test -d "$(past "$then")"
check note same "$(cat "$(past "$then")/tree/note")" first
check now same "$(cat tree/note)" second
check link same "$(readlink "$(past "$then")/tree/sub/link")" ../file-1
crash_point looked
(cd "$(past "$then")/tree" && find . -type f -exec sha256sum {} + | sort) >/tmp/past
check sums cmp /tmp/then /tmp/past
# Times of directories are those of then, too.
(cd "$(past "$then")" && ls -lR --time-style=full-iso tree) | grep -v '^total' >/tmp/list-past
check listing cmp /tmp/list-then /tmp/list-past

check copy cp -a "$(past "$then")/tree" restored
(cd restored && find . -type f -exec sha256sum {} + | sort) >/tmp/copied
check copied cmp /tmp/then /tmp/copied
check one-file cp "$(past "$then")/tree/note" tree/note
check back same "$(cat tree/note)" first

check read-only refused touch "$(past "$then")/tree/note"
check no-remove refused rm "$(past "$then")/tree/note"
check no-create refused mkdir "$NFS/.history/new"
check no-moment refused ls "$NFS/.history/no-such-label"
check before-it-was refused ls "$NFS/.history/1999-01-01"

# An open file of the past is the same after the server was killed, and after another mount.
exec 3<"$(past "$then")/tree/file-2"
crash_point open
check open-past same "$(sha256sum <&3 | cut -d' ' -f1)" \
  "$(sed -n 's, \./file-2$,,p' /tmp/then | tr -d ' ')"
exec 3<&-
remount
check again same "$(cat "$(past "$then")/tree/note")" first
(cd "$(past "$then")/tree" && find . -type f -exec sha256sum {} + | sort) >/tmp/past
check sums-again cmp /tmp/then /tmp/past

# A moment is mounted by itself, and stays when the server is killed.
mkdir /tmp/moment
must mount-moment mount_below "/.history/$then/$here" /tmp/moment ro
check mounted-note same "$(cat /tmp/moment/tree/note)" first
(cd /tmp/moment/tree && find . -type f -exec sha256sum {} + | sort) >/tmp/past
check mounted-sums cmp /tmp/then /tmp/past
crash_point mounted
(cd /tmp/moment && ls -lR --time-style=full-iso tree) | grep -v '^total' >/tmp/list-past
check mounted-listing cmp /tmp/list-then /tmp/list-past
umount /tmp/moment
check mount-no-moment refused mount_below "/.history/no-such-label" /tmp/moment ro
check mount-past-file refused mount_below "/.history/$then/$here/tree/note" /tmp/moment ro
