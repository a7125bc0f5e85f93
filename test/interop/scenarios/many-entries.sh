# A large directory is listed while half of it is being deleted.
python3 "$HERE/crowd.py" "$(scaled 20000)" "$SEED" || fail crowd "ended with status $?"
check remove rm -rf crowd
check removed test ! -e crowd
