// RFC 1813 appendix I, section 5.2.5: EXPORT - Return export list.
import type { Engine } from '../../../commands/engine.ts'
import type { Procedure } from '../../rpc/program.ts'
import { ListRoom } from '../list-room.ts'
import { EXPORT3res, mountproc3 } from '../mount3-types.ts'

export const exportList = (engine: Engine): Procedure => ({
  number: mountproc3.EXPORT,
  name: 'EXPORT',
  plain: true,
  serve: (_, __, w) => {
    const exports = []
    const room = new ListRoom()
    for (const { name, options, deleted } of engine.world.control.shares.values()) {
      if (deleted !== 0) continue
      const ex_dir = Buffer.from(name, 'utf8').toString('latin1')
      // With all of them or not at all: without any it would look open to everybody.
      if (!room.take(ex_dir, options.allow)) continue
      exports.push({ ex_dir, ex_groups: options.allow.map((network) => ({ gr_name: network })) })
    }
    EXPORT3res.encode(w, { exports })
    return 0
  },
})
