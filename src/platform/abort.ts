/**
 * Ends the process as `kill -9` does. Node's own ways wait for all threads, and one that is stopped
 * within a transaction of LMDB waits for ever for a lock that it has itself: lmdb-js cleans up what
 * a thread leaves behind. What is durable stays so, as in any crash.
 */
export function abort(): never {
  process.kill(process.pid, 'SIGKILL')
  // The signal may take a moment.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
