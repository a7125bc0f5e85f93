/** Damage to content and to its index that the server makes good by itself, through the wire. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { dataPaths } from '../../src/commands/data-directory.ts'
import { stable_how } from '../../src/protocols/nfs3/procedures/write.ts'
import { nfsstat3 } from '../../src/protocols/nfs3/wire-types.ts'
import { filesOf } from '../commands/check/damaged-copy.ts'
import { runProgram } from '../control/running-server.ts'
import { Session } from '../protocols/session.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { dataBelow, runDfs, ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'

const seed = seedFromEnvironment()

/** Changes bytes in files wherever `needle` is; returns how often. */
function flip(files: readonly string[], needle: Buffer, at: number): number {
  let count = 0
  for (const file of files) {
    const bytes = readFileSync(file)
    for (let place = bytes.indexOf(needle); place >= 0; place = bytes.indexOf(needle, place + 1)) {
      bytes[place + at] = (bytes[place + at] as number) ^ 4
      count += 1
    }
    writeFileSync(file, bytes)
  }
  return count
}

const nameOf = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()

describe(`healing (DFS_SEED=${seed})`, () => {
  let random: SeededRandom
  let data: string
  let remove: () => void
  let server: ServerProcess
  let session: Session

  beforeEach(async () => {
    random = new SeededRandom(seed)
    const { path, remove: done } = temporaryDirectory('healing')
    remove = done
    data = dataBelow(path)
    await start()
  })

  afterEach(async () => {
    await session.close()
    if (server.alive) await server.kill()
    remove()
  })

  async function start(): Promise<void> {
    server = await ServerProcess.start({ data, settings: { 'share-squash': 'none' } })
    session = await Session.open(server.port)
  }

  async function restart(end: 'kill' | 'stop', meanwhile = () => undefined as unknown) {
    await session.close()
    await server[end]()
    meanwhile()
    await start()
  }

  const read = async (name: string): Promise<Buffer> =>
    session.readAll(await session.lookup(session.root, name))

  async function refused(name: string): Promise<void> {
    const file = await session.lookup(session.root, name)
    const { status } = await session.nfs.read({ file, offset: 0, count: 100 })
    assert.equal(status, nfsstat3.NFS3ERR_IO, name)
  }

  /** By way of the log, or of the thread for large amounts. */
  async function write(name: string, bytes: Buffer): Promise<void> {
    const file = await session.create(session.root, name)
    const small = bytes.length <= 64 * 1024
    await session.write(file, 0, bytes, small ? stable_how.FILE_SYNC : stable_how.UNSTABLE)
    await session.commit(file)
  }

  /** What it says comes through a pipe, a little later. */
  async function logged(what: RegExp, count: number): Promise<void> {
    const lines = () => server.lines.filter((line) => what.test(line))
    for (let i = 0; i < 100 && lines().length < count; i++) await sleep(100)
    assert.equal(lines().length, count, String(what))
  }

  const metric = async (name: string) => (await server.metrics()).get(`dittofs_${name}`)
  const index = () => dataPaths(data).index

  test('a block that a damaged index hides is found where it lies', async () => {
    const contents = new Map<string, Buffer>()
    for (let i = 0; i < 12; i++) {
      const bytes = random.bytes(i % 2 === 0 ? 5000 : 300_000)
      contents.set(`f${i}`, bytes)
      await write(`f${i}`, bytes)
    }
    const hidden = ['f0', 'f3', 'f8']
    // What was not indexed when it stopped is when it has started.
    await restart('stop')
    // Stopped in good order, so that nobody looks at every page.
    await restart('stop', () => {
      for (const name of hidden) {
        const key = nameOf(contents.get(name) as Buffer)
        // The last byte: keys that do not ascend any more are noticed by the start.
        assert.ok(flip([index()], key, 31) > 0, `${name} is not in the index`)
      }
    })
    const all = await Promise.all([...contents.keys()].map(read))
    assert.deepEqual(all, [...contents.values()])
    const found = (await metric('hidden_blocks')) as number
    assert.ok(found >= 1, server.lines.join('\n'))
    await logged(/the index of blocks is damaged/, found)
    assert.equal(await metric('damaged_blocks'), 0)
    assert.ok(existsSync(`${index()}.damaged`), 'the next start does not know')
    await restart('kill')
    await logged(/making the index of blocks anew/, 1)
    assert.ok(!existsSync(`${index()}.damaged`))
    for (const [name, bytes] of contents) assert.ok((await read(name)).equals(bytes), name)
    assert.equal(await metric('hidden_blocks'), 0)
    assert.deepEqual(server.errors, [])
  })

  test('a block that is nowhere is an I/O error, at once when it was looked for', async () => {
    const [lost, other] = [random.bytes(5000), random.bytes(5000)]
    await write('lost', lost)
    await write('other', other)
    await restart('stop')
    await restart('stop', () => {
      assert.ok(flip([index()], nameOf(lost), 31) > 0)
      assert.ok(flip(filesOf(data, 'segments'), nameOf(lost), 0) > 0)
    })
    await Promise.all([1, 2, 3].map(() => refused('lost')))
    await refused('lost')
    await logged(/is in no segment/, 1)
    assert.equal(await metric('damaged_blocks'), 1)
    assert.ok((await read('other')).equals(other))
    assert.ok(!existsSync(`${index()}.damaged`), 'what it has it finds')
    await write('again', lost)
    for (const end of ['kill', 'stop'] as const) {
      await restart(end)
      assert.ok((await read('lost')).equals(lost))
    }
  })

  for (const length of [5000, 300_000]) {
    test(`${length} bytes that are damaged are good when they are written again`, async () => {
      const bytes = random.bytes(length)
      await write('first', bytes)
      await write('second', bytes)
      await restart('stop', () => {
        assert.equal(flip(filesOf(data, 'segments'), bytes.subarray(0, 64), 10), 1)
      })
      await refused('second')
      await refused('first')
      await logged(/is damaged in/, 1)
      assert.equal(await metric('damaged_blocks'), 1)
      // What was found is known to the next life: the thread that notes it has done so by now.
      await write('behind', random.bytes(300_000))
      await restart('kill')
      await write('third', bytes)
      for (const end of ['kill', 'stop'] as const) {
        for (const name of ['first', 'second', 'third']) {
          assert.ok((await read(name)).equals(bytes), name)
        }
        await restart(end)
      }
      await session.close()
      await server.stop()
      await runDfs('journal', 'verify', '--data', data)
    })
  }

  test('also when this life has written them, and the scrubber found the damage', async () => {
    const bytes = random.bytes(300_000)
    await write('first', bytes)
    assert.equal(flip(filesOf(data, 'segments'), bytes.subarray(0, 64), 10), 1)
    await logged(/content is damaged/, 1)
    await refused('first')
    await write('second', bytes)
    assert.ok((await read('first')).equals(bytes))
    await restart('kill')
    for (const name of ['first', 'second']) assert.ok((await read(name)).equals(bytes), name)
  })

  /** Flips a bit of the header of the only block with these bytes; of its bytes too. */
  function behead(bytes: Buffer, also: boolean): void {
    const files = filesOf(data, 'segments')
    assert.equal(flip(files, nameOf(bytes), -8), 1)
    if (also) assert.equal(flip(files, bytes.subarray(0, 64), 10), 1)
  }

  const placed = /content is damaged/
  const segmentAndOffset = /"segment":"[01]-\d{10}\.seg","offset":\d+/

  for (const length of [5000, 300_000]) {
    test(`${length} bytes that lost their header are found, named and stored anew`, async () => {
      const bytes = random.bytes(length)
      await write('file', bytes)
      await restart('stop')
      await restart('stop', async () => behead(bytes, false))
      await logged(placed, 1)
      await logged(/had lost its header was stored anew/, 1)
      assert.match(server.lines.find((line) => placed.test(line)) ?? '', segmentAndOffset)
      assert.equal(await metric('damaged_blocks'), 1)
      for (const end of ['kill', 'stop'] as const) {
        assert.ok((await read('file')).equals(bytes))
        await restart(end)
      }
      await session.close()
      await server.stop()
      await runDfs('fsck', '--data', data)
    })
  }

  test('of what has lost its header and more fsck says what the scrubber does', async () => {
    const bytes = random.bytes(300_000)
    await write('file', bytes)
    await restart('stop')
    await session.close()
    await server.stop()
    behead(bytes, true)
    const { stdout, status } = await runProgram('dfs', ['fsck', '--data', data])
    assert.equal(status, 4)
    const [, segment, byte] = /content: (\S+\.seg), byte (\d+): .*/.exec(stdout) ?? []
    assert.ok(segment !== undefined, stdout)
    await start()
    await logged(placed, 1)
    const line = server.lines.find((each) => placed.test(each)) ?? ''
    assert.ok(line.includes(`"segment":"${segment}","offset":${byte}`), `${line}\n${stdout}`)
    await refused('file')
    assert.equal(await metric('damaged_blocks'), 1)
    await write('again', bytes)
    assert.ok((await read('file')).equals(bytes))
    await restart('kill')
    assert.ok((await read('file')).equals(bytes))
  })

  test('an index that is made anew knows of what is damaged', async () => {
    const [first, bytes] = [random.bytes(300_000), random.bytes(300_000)]
    await write('first', first)
    await write('file', bytes)
    await restart('stop', () => {
      assert.equal(flip(filesOf(data, 'segments'), first.subarray(0, 64), 10), 1)
      rmSync(index())
    })
    await logged(placed, 1)
    assert.equal(await metric('damaged_blocks'), 1)
    const file = await session.lookup(session.root, 'first')
    assert.ok((await session.read(file, 100_000, 100_000)).equals(first.subarray(100_000, 200_000)))
    await refused('first')
    await write('again', first)
    assert.ok((await read('first')).equals(first))
  })

  test('what is last in its segment too, once somebody wants it', async () => {
    const bytes = random.bytes(300_000)
    await write('file', bytes)
    await restart('stop', () => {
      assert.equal(flip(filesOf(data, 'segments'), bytes.subarray(0, 64), 10), 1)
      rmSync(index())
    })
    const file = await session.lookup(session.root, 'file')
    assert.ok((await session.read(file, 100_000, 100_000)).equals(bytes.subarray(100_000, 200_000)))
    await refused('file')
    await logged(/is damaged in [01]-\d{10}\.seg at \d+/, 1)
    assert.equal(await metric('damaged_blocks'), 1)
  })

  test('a part that is whole is still there to be read', async () => {
    const bytes = random.bytes(300_000)
    await write('file', bytes)
    await restart('stop', () => {
      assert.equal(flip(filesOf(data, 'segments'), bytes.subarray(0, 64), 10), 1)
    })
    await refused('file')
    await restart('kill')
    const file = await session.lookup(session.root, 'file')
    const rest = await session.read(file, 100_000, 100_000)
    assert.ok(rest.equals(bytes.subarray(100_000, 200_000)))
  })
})
