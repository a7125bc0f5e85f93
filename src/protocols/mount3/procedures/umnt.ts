// RFC 1813 appendix I, sections 5.2.3 and 5.2.4: UMNT and UMNTALL - Remove mount entries.
import type { Engine } from '../../../commands/engine.ts'
import { type OperationName, operations } from '../../../journal/command-names.ts'
import type { Call, Procedure } from '../../rpc/program.ts'
import { MNT3args, mountproc3 } from '../mount3-types.ts'

function unmount(engine: Engine, path: string, operation: OperationName, call: Call): number {
  const { client } = call.caller
  const { uid, gid } = call.principal ?? { uid: 0, gid: 0 }
  const origin = { op: operations[operation], client, uid, gid, xid: 0, checksum: 0 }
  const decision = engine.stream.submit({ type: 'UnmountShare', client, path }, origin)
  return typeof decision === 'string' ? 0 : decision.seq
}

export const umnt = (engine: Engine): Procedure => ({
  number: mountproc3.UMNT,
  name: 'UMNT',
  plain: true,
  serve: (reader, call) => unmount(engine, MNT3args.decode(reader).dirpath, 'mount3.UMNT', call),
})

export const umntall = (engine: Engine): Procedure => ({
  number: mountproc3.UMNTALL,
  name: 'UMNTALL',
  plain: true,
  serve: (_, call) => unmount(engine, '', 'mount3.UMNTALL', call),
})
