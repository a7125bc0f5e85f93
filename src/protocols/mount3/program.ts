// RFC 1813 appendix I: MOUNT program 100005.
import type { Engine } from '../../commands/engine.ts'
import { Exports } from '../exports.ts'
import { HandleCodec } from '../handle.ts'
import { type Procedure, type Program, programOf } from '../rpc/program.ts'
import { MOUNT_PROGRAM, MOUNT_V3 } from './mount3-types.ts'
import { dump } from './procedures/dump.ts'
import { exportList } from './procedures/export.ts'
import { mnt } from './procedures/mnt.ts'
import { umnt, umntall } from './procedures/umnt.ts'

/** What old clients unmount with. Its MNT would return NFSv2 handles and is not there. */
const MOUNT_V1 = 1

const nothing: Procedure = { number: 0, name: 'NULL', plain: true, serve: () => 0 }

export function mountPrograms(engine: Engine): readonly Program[] {
  const { control } = engine.world
  const shared = [nothing, dump(engine), umnt(engine), umntall(engine), exportList(engine)]
  const mount = mnt(engine, new Exports(control), new HandleCodec(control.state.handleKey))
  return [
    programOf(MOUNT_PROGRAM, MOUNT_V1, 'mount1', shared),
    programOf(MOUNT_PROGRAM, MOUNT_V3, 'mount3', [...shared, mount]),
  ]
}
