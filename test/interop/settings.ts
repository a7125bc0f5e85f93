/** What the environment says about a run. */
const {
  DFS_INTEROP_SERVER,
  DFS_INTEROP_SCALE,
  DFS_INTEROP_SEED,
  DFS_INTEROP_ONLY,
  DFS_INTEROP_VERBOSE,
  DFS_INTEROP_LOGS,
  DFS_INTEROP_INSTALL,
} = process.env

export const settings = {
  /** The server to test: `dfs` or `ganesha`; `dfs` when there is one to start. */
  server: DFS_INTEROP_SERVER,
  /** How much work the scenarios do: 1 when unset, fractions allowed. */
  scale: Number(DFS_INTEROP_SCALE ?? 1),
  /** Decides when the server is killed, and every random choice inside the guests. */
  seed: Number(DFS_INTEROP_SEED ?? Math.floor(Math.random() * 1e9)),
  /** A comma-separated list of scenarios, to run only these. */
  only: DFS_INTEROP_ONLY?.split(','),
  /** Anything, to see what guests and server print as they print it. */
  verbose: Boolean(DFS_INTEROP_VERBOSE),
  /** A directory that receives the logs of guests and server, in a folder per enclosure. */
  logs: DFS_INTEROP_LOGS,
  /** `no`, to skip rather than install packages that are missing. */
  install: DFS_INTEROP_INSTALL !== 'no',
} as const
