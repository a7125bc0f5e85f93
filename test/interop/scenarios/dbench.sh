# dbench replays the file operations of an office's clients.
seconds=$(scaled 10)

# dbench takes the first semaphore of a kernel, number 0, for an error: let it have the second.
ipcmk --semaphore 1 >/dev/null

clean() {
  dbench -c /usr/share/dbench/client.txt -t "$seconds" -D "$PWD" 4 >/tmp/dbench.txt 2>&1 ||
    { cat /tmp/dbench.txt; return 1; }
  if grep -i -E 'fail|error|expected' /tmp/dbench.txt; then return 1; fi
}

check clean clean
echo "@@ result {\"dbench\": \"$(grep Throughput /tmp/dbench.txt)\"}"
check files-left-are-readable sh -c 'find . -type f -exec cat {} + >/dev/null'
