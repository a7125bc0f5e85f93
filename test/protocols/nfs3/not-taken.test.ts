/** Stable writes that are admitted while the journal takes nothing any more. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { pino } from 'pino'
import type { Engine } from '../../../src/commands/engine.ts'
import { blockId } from '../../../src/content/block.ts'
import { KiB } from '../../../src/platform/limits.ts'
import { mountPrograms } from '../../../src/protocols/mount3/program.ts'
import { stable_how } from '../../../src/protocols/nfs3/procedures/write.ts'
import { nfs3Program } from '../../../src/protocols/nfs3/program.ts'
import { ProgramTable } from '../../../src/protocols/rpc/dispatcher.ts'
import { RpcServer } from '../../../src/protocols/rpc/server.ts'
import { openEngine } from '../../commands/engine-fixture.ts'
import { temporaryDirectory } from '../../temporary.ts'
import { ALICE, Session } from '../session.ts'
import { assertStatus } from './expectations.ts'

const { path: data, remove } = temporaryDirectory('not-taken')
process.once('exit', remove)

interface Logged {
  readonly level: number
  readonly msg: string
  readonly why?: string
}

const logged: Logged[] = []
const log = pino({ level: 'warn' }, { write: (line) => void logged.push(JSON.parse(line)) })

interface Served {
  readonly engine: Engine
  /** Resolves when the stream has failed; connections stay, as while a server stops. */
  readonly failed: Promise<Error>
  open(): Promise<Session>
  close(): Promise<void>
}

async function serve(): Promise<Served> {
  const { promise: failed, resolve: onFailure } = Promise.withResolvers<Error>()
  const firstShare = { name: '/export', options: { squash: 'none' } } as const
  const engine = await openEngine(data, { log, firstShare, onFailure })
  const rpc = new RpcServer({ log, maxConnections: 8 })
  const port = await rpc.listen(0, '127.0.0.1')
  rpc.serve(engine, new ProgramTable([nfs3Program(engine), ...mountPrograms(engine)]))
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await rpc.drain(0)
    await engine.close()
  }
  const served = {
    engine,
    failed,
    open: () => Session.open(port),
    close: () => (closed ??= close()),
  }
  after(served.close)
  return served
}

const written = (fill: number): Buffer => Buffer.alloc(8 * KiB, fill)

test('NFS3ERR_JUKEBOX as soon as the log has failed, and a line in the log', async () => {
  const { engine, failed, open, close } = await serve()
  const session = await open()
  const file = await session.create(session.root, 'file', { mode: 0o666, data: written(1) })
  const suid = await session.create(session.root, 'suid', { mode: 0o4777, data: written(1) })
  const write = (to: Session, object: Buffer, fill: number, stable: 0 | 2) => {
    const args = { file: object, offset: 0, count: 8 * KiB, stable, data: written(fill) }
    return to.nfs.write(args)
  }
  engine.logThread.append = () => Promise.reject(new Error('medium'))
  const lost = write(session, file, 2, stable_how.FILE_SYNC).catch(() => 'no answer')
  assert.match((await failed).message, /medium/)
  for (const fill of [3, 4, 5]) {
    const refused = await write(session, file, fill, stable_how.FILE_SYNC)
    assertStatus(refused, 'NFS3ERR_JUKEBOX')
    assert.equal(refused.file_wcc.after, undefined, 'what is not durable is not told of')
    assert.ok(!engine.blocks.has(blockId(written(fill))), 'its memory can be used again')
  }
  // The bits could not be taken away.
  const alice = session.as(ALICE)
  assertStatus(await write(alice, suid, 6, stable_how.UNSTABLE), 'NFS3ERR_JUKEBOX')
  assert.equal(engine.staging.bytes, 0)
  const lines = logged.filter(({ msg }) => /does not take what is written/.test(msg))
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.why, 'delayed')
  assert.ok(logged.every(({ level }) => level < 50))
  await session.close()
  assert.equal(await lost, 'no answer')
  await close()
})

test('what was answered is there when it is opened again, and nothing of the rest', async () => {
  const { open, close } = await serve()
  const session = await open()
  for (const name of ['file', 'suid']) {
    const file = await session.lookup(session.root, name)
    assert.ok((await session.readAll(file)).equals(written(1)), name)
    await session.write(file, 0, written(7))
    assert.ok((await session.readAll(file)).equals(written(7)), name)
  }
  await session.close()
  await close()
})
