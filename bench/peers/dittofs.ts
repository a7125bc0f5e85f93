import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { spawnReady, stopChild } from './child-server.ts'
import type { Durability, Peer, RunningPeer, StartOptions } from './peer.ts'

const ROOT = join(import.meta.dirname, '../..')
export const DFS = join(ROOT, 'bin/dfs.cjs')

export const dittofs: Peer = {
  name: 'dfs',
  title: 'DittoFS',
  version: () =>
    execFileSync('git', ['describe', '--always', '--dirty'], {
      encoding: 'utf8',
      cwd: ROOT,
    }).trim(),
  start: ({ dir, durability }) => startDfs(dir, durability),
}

/**
 * The one place that knows how our server is started. `dir` may hold data of an earlier run;
 * `settings` are further ones, as environment variables without their prefix.
 */
export async function startDfs(
  dir: StartOptions['dir'],
  durability: Durability,
  settings: Readonly<Record<string, string>> = {},
): Promise<RunningPeer> {
  const listen = ['--listen', '127.0.0.1', '--nfs-port', '0', '--api-port', '0']
  const { child, nfs, api } = await spawnReady(DFS, ['start', '--data', dir, ...listen], {
    DITTOFS_SHARE_DURABILITY: durability,
    DITTOFS_SHARE_SQUASH: 'none',
    DITTOFS_LOG_LEVEL: 'warn',
    ...Object.fromEntries(Object.entries(settings).map(([k, v]) => [`DITTOFS_${k}`, v])),
  })
  return {
    pid: child.pid!,
    nfs,
    mount: nfs,
    ...(api !== undefined && { api }),
    exportPath: '/export',
    stop: async () => {
      const code = await stopChild(child)
      if (code) throw new Error(`the server drained, but ended with ${code}`)
    },
  }
}
