# SQLite commits here, with both kinds of rollback journal; the same statements on a local file say
# what must come out.
transactions=$(scaled 150)
python3 "$HERE/sqlite-statements.py" "$transactions" "$SEED" >/tmp/statements.sql

intact() { same "$(sqlite3 "$1" 'PRAGMA integrity_check')" ok; }
contents() { sqlite3 "$1" .dump | sha256sum; }

must reference sqlite3 -bail /tmp/reference.db </tmp/statements.sql
expected=$(contents /tmp/reference.db)

for mode in delete truncate; do
  { echo "PRAGMA journal_mode=$mode;" && cat /tmp/statements.sql; } >/tmp/run.sql
  check "commits-$mode" sqlite3 -bail "$mode.db" </tmp/run.sql
  check "intact-$mode" intact "$mode.db"
  check "contents-$mode" same "$(contents "$mode.db")" "$expected"
done

remount
for mode in delete truncate; do
  check "intact-after-remount-$mode" intact "$mode.db"
  check "contents-after-remount-$mode" same "$(contents "$mode.db")" "$expected"
  check "vacuum-$mode" sqlite3 "$mode.db" VACUUM
  check "contents-after-vacuum-$mode" same "$(contents "$mode.db")" "$expected"
  check "no-journal-left-$mode" test ! -s "$mode.db-journal"
done
