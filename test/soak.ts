/** `DFS_SOAK`: how many minutes the random tests of a process go on. Unset: one short run each. */
const minutes = Number(process.env['DFS_SOAK'] ?? 0)
const until = performance.now() + minutes * 60_000

export const soaking = (): boolean => performance.now() < until
