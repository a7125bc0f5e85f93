# What POSIX says of permissions, names, links and times; several rounds, each in a directory of its own.
python3 "$HERE/semantics.py" "$(scaled 6)" || fail semantics "ended with status $?"
