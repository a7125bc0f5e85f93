# Two guests meet in the same directories. Close-to-open consistency is what the client promises as it
# comes; who wants to see every name at once must not cache attributes of directories.
rounds=$(scaled 15)
python3 "$HERE/encounter.py" files "$rounds" || fail files "ended with status $?"
remount acdirmin=0,acdirmax=0
python3 "$HERE/encounter.py" names "$rounds" || fail names "ended with status $?"
remount
python3 "$HERE/encounter.py" outcome "$rounds" || fail outcome "ended with status $?"
