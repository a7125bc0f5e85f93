/** An engine of this process behind the protocols: for what is to be seen from both sides. */
import { after } from 'node:test'
import type { Engine } from '../../src/commands/engine.ts'
import { type Log, silentLog } from '../../src/platform/log.ts'
import { mountPrograms } from '../../src/protocols/mount3/program.ts'
import { nfs3Program } from '../../src/protocols/nfs3/program.ts'
import { ProgramTable } from '../../src/protocols/rpc/dispatcher.ts'
import { RpcServer } from '../../src/protocols/rpc/server.ts'
import { openEngine } from '../commands/engine-fixture.ts'
import { Session } from './session.ts'

export interface ServedEngine {
  readonly engine: Engine
  /** Resolves when the stream has failed; connections stay, as while a server stops. */
  readonly failed: Promise<Error>
  open(): Promise<Session>
  /** What is not durable is lost, as in a crash. Happens by itself when the tests have ended. */
  close(): Promise<void>
}

export async function serveEngine(data: string, log: Log = silentLog): Promise<ServedEngine> {
  const { promise: failed, resolve: onFailure } = Promise.withResolvers<Error>()
  const firstShare = { name: '/export', options: { squash: 'none' } } as const
  const engine = await openEngine(data, { log, firstShare, onFailure })
  const rpc = new RpcServer({ log, maxConnections: 8 })
  const port = await rpc.listen(0, '127.0.0.1')
  rpc.serve(engine, new ProgramTable([nfs3Program(engine), ...mountPrograms(engine)]))
  let closed: Promise<void> | undefined
  const end = async (): Promise<void> => {
    await rpc.drain(0)
    await engine.close()
  }
  const close = (): Promise<void> => {
    closed ??= end()
    return closed
  }
  after(close)
  return { engine, failed, open: () => Session.open(port), close }
}
