/** Stable writes that are admitted while the journal takes nothing any more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { blockId } from '../../../src/content/block.ts'
import { KiB } from '../../../src/platform/limits.ts'
import { stable_how } from '../../../src/protocols/nfs3/procedures/write.ts'
import { temporaryDirectory } from '../../temporary.ts'
import { serveEngine } from '../served-engine.ts'
import { ALICE, type Session } from '../session.ts'
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

const written = (fill: number): Buffer => Buffer.alloc(8 * KiB, fill)

test('NFS3ERR_JUKEBOX as soon as the log has failed, and a line in the log', async () => {
  const { engine, failed, open, close } = await serveEngine(data, log)
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
  const { open, close } = await serveEngine(data, log)
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
