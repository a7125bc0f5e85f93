// RFC 1813 appendix I, section 5.2.2: DUMP - Return mount entries.
import type { Engine } from '../../../commands/engine.ts'
import type { Client } from '../../../projections/control.ts'
import type { Procedure } from '../../rpc/program.ts'
import { ListRoom } from '../list-room.ts'
import { DUMP3res, mountproc3 } from '../mount3-types.ts'

export const dump = (engine: Engine): Procedure => ({
  number: mountproc3.DUMP,
  name: 'DUMP',
  plain: true,
  serve: (_, __, w) => {
    const mountlist = []
    for (const [{ address, mounts }, count] of shownOf(engine.world.control.clients.values())) {
      for (const path of mounts.slice(mounts.length - count)) {
        mountlist.push({ ml_hostname: address, ml_directory: path })
      }
    }
    DUMP3res.encode(w, { mountlist })
    return 0
  },
})

/**
 * How many of each client's mounts there is room for, its newest: in turns, so that a client with
 * many does not hide the others.
 */
function shownOf(clients: Iterable<Client>): ReadonlyMap<Client, number> {
  const shown = new Map<Client, number>()
  const room = new ListRoom()
  let left = [...clients].filter(({ mounts }) => mounts.length > 0)
  for (let turn = 1; left.length > 0; turn++) {
    for (const client of left) {
      const path = client.mounts[client.mounts.length - turn] as string
      if (!room.take(path, [client.address])) return shown
      shown.set(client, turn)
    }
    left = left.filter(({ mounts }) => mounts.length > turn)
  }
  return shown
}
