// RFC 1813 appendix I, section 5.2.2: DUMP - Return mount entries.
import type { Engine } from '../../../commands/engine.ts'
import type { Procedure } from '../../rpc/program.ts'
import { DUMP3res, mountproc3 } from '../mount3-types.ts'

/** Entries listed at most: the reply has no way to go on in a second one. */
const LISTED_MAX = 10_000

export const dump = (engine: Engine): Procedure => ({
  number: mountproc3.DUMP,
  name: 'DUMP',
  plain: true,
  serve: (_, __, w) => {
    const mountlist = []
    for (const { address, mounts } of engine.world.control.clients.values()) {
      for (const path of mounts) {
        if (mountlist.length < LISTED_MAX) {
          mountlist.push({ ml_hostname: address, ml_directory: path })
        }
      }
    }
    DUMP3res.encode(w, { mountlist })
    return 0
  },
})
