import assert from 'node:assert/strict'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { nfsstat3 } from '../../src/protocols/nfs3/wire-types.ts'
import { damageOne, filesOf } from '../commands/check/damaged-copy.ts'
import { Session } from '../protocols/session.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { dataBelow, ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'

describe('a damaged data directory', () => {
  const { path, remove } = temporaryDirectory('served')
  const data = dataBelow(path)
  const seed = seedFromEnvironment()
  const random = new SeededRandom(seed)
  const contents = new Map<string, Buffer>()
  let server: ServerProcess | undefined
  after(async () => {
    if (server?.alive) await server.kill()
    remove()
  })

  /** Damage that is met while it serves drops the connections: clients connect again. */
  async function persist<T>(work: (session: Session) => Promise<T>): Promise<T> {
    for (let n = 0; ; n++) {
      let session: Session | undefined
      try {
        session = await Session.open((server as ServerProcess).port)
        return await work(session)
      } catch (error) {
        if (n === 40 || !/connection|disconnected/i.test(String(error))) throw error
        await sleep(300)
      } finally {
        await session?.close()
      }
    }
  }

  async function serve<T>(work: (session: Session) => Promise<T>): Promise<T> {
    server = await ServerProcess.start({ data, settings: { 'share-squash': 'none' } })
    try {
      return await persist(work)
    } finally {
      // As after a crash: every page is looked at.
      await server.kill()
    }
  }

  const readAll = async (session: Session): Promise<void> => {
    for (const [name, bytes] of contents) {
      const file = await session.lookup(session.root, name)
      assert.ok((await session.readAll(file)).equals(bytes), `seed ${seed}: ${name}`)
    }
  }

  test('is made anew where it can be: clients see what was written', async () => {
    await serve(async (session) => {
      for (let n = 0; n < 40; n++) {
        const bytes = random.bytes(random.pick([100, 5000, 70_000, 300_000]))
        contents.set(`file-${n}`, bytes)
        await session.create(session.root, `file-${n}`, { data: bytes })
      }
    })
    for (let i = 0; i < 6; i++) {
      const kind = i % 2 === 0 ? 'projections' : 'index'
      const { what } = damageOne(random, data, kind)
      try {
        await serve(readAll)
      } catch (error) {
        throw new Error(`seed ${seed}, ${kind}: ${what}`, { cause: error })
      }
    }
  })

  test('gives an I/O error for a damaged block, and everything else as it was', async () => {
    const bytes = contents.get('file-7') as Buffer
    const needle = bytes.subarray(0, 64)
    for (const file of filesOf(data, 'segments')) {
      const segment = readFileSync(file)
      for (let at = segment.indexOf(needle); at >= 0; at = segment.indexOf(needle, at + 1)) {
        segment[at + 10] = (segment[at + 10] as number) ^ 4
      }
      writeFileSync(file, segment)
    }
    await serve(async (session) => {
      const file = await session.lookup(session.root, 'file-7')
      const { status } = await session.nfs.read({ file, offset: 0, count: 100 })
      assert.equal(status, nfsstat3.NFS3ERR_IO, `seed ${seed}`)
      contents.delete('file-7')
      await readAll(session)
    })
  })

  test('whose journal is damaged is refused, with the place and what helps', async () => {
    for (const file of filesOf(data, 'journal')) truncateSync(file, 3 * 4096)
    await assert.rejects(
      serve(async () => undefined),
      /journal is damaged: journal\/\d{16}\.mdb, page \d+.*dfs fsck --data .*repair\.md/s,
    )
  })
})

describe('a damaged block under a stable write of a part of it', () => {
  const { path, remove } = temporaryDirectory('under-write')
  const data = dataBelow(path)
  const settings = { 'share-squash': 'none', 'share-durability': 'async' }
  const random = new SeededRandom(seedFromEnvironment())
  const bytes = random.bytes(300_000)
  after(remove)

  test('costs an async share that write, and not its server', async () => {
    const first = await ServerProcess.start({ data, settings })
    const session = await Session.open(first.port)
    const file = await session.create(session.root, 'file', { data: bytes })
    const other = await session.create(session.root, 'other')
    await session.close()
    assert.equal(await first.stop(), 0)
    for (const name of filesOf(data, 'segments')) {
      const segment = readFileSync(name)
      const at = segment.indexOf(bytes.subarray(0, 64))
      if (at >= 0) segment[at + 10] = (segment[at + 10] as number) ^ 4
      writeFileSync(name, segment)
    }
    const server = await ServerProcess.start({ data, settings })
    const again = await Session.open(server.port)
    await again.write(file, 100, 'a part of a granule')
    // A COMMIT waits for the same bytes, so what becomes of them is known by then.
    await again.nfs.commit({ file, offset: 0, count: 0 })
    await again.write(other, 0, 'goes on')
    assert.equal((await again.readAll(other)).toString(), 'goes on')
    assert.ok(server.alive, server.lines.join('\n'))
    await again.close()
    await server.kill()
  })
})
