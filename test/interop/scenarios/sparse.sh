# Files of 5 GiB with islands of data.
files=$(scaled 4)
python3 "$HERE/islands.py" write "$files" || fail write "ended with status $?"
crash_point written
remount
python3 "$HERE/islands.py" read "$files" || fail read "ended with status $?"
