import { join } from 'node:path'
import { spawnReady, stopChild } from './child-server.ts'
import type { Peer } from './peer.ts'

const SCRIPT = join(import.meta.dirname, '../load/null-server.ts')

/** No file server: canned answers, which show how far the load generator itself goes. */
export const nullPeer: Peer = {
  name: 'null',
  title: 'canned replies',
  version: () => process.version,
  start: async () => {
    const { child, nfs } = await spawnReady(SCRIPT, [])
    const stop = async () => {
      await stopChild(child)
    }
    return { pid: child.pid!, nfs, mount: nfs, exportPath: '/export', stop }
  },
}
