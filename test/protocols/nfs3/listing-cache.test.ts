/** Pages of READDIRPLUS that are sent again say what is true now. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { SYSTEM } from '../../../src/auth/principal.ts'
import type { Engine } from '../../../src/commands/engine.ts'
import { NO_ORIGIN } from '../../../src/commands/stream.ts'
import { ROOT_INO } from '../../../src/projections/inode.ts'
import { nodeId } from '../../../src/projections/node-id.ts'
import { HANDLE_SIZE } from '../../../src/protocols/handle.ts'
import { NOW, type Opened } from '../../../src/protocols/nfs3/context.ts'
import { ListingCache, PageRecorder } from '../../../src/protocols/nfs3/listing-cache.ts'
import { ok } from '../../client/nfs3-client.ts'
import { createFile, openEngine, SHARE } from '../../commands/engine-fixture.ts'
import { SeededRandom, seedFromEnvironment } from '../../seeded-random.ts'
import { temporaryDirectory } from '../../temporary.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, type Session } from '../session.ts'

const share = await serveShare()
const cookieverf = Buffer.alloc(8)
const PAGE = 2000

async function listed(session: Session, dir: Buffer) {
  const entries = []
  for (let cookie = 0; ; cookie = entries.at(-1)?.cookie ?? 0) {
    const args = { dir, cookie, cookieverf, dircount: PAGE, maxcount: PAGE }
    const { reply } = ok(await session.nfs.readdirplus(args))
    entries.push(...reply.entries)
    if (reply.eof) return entries
  }
}

/**
 * What is staged is stored a while later, and takes another room then: that may come between a
 * listing and what it is compared with, once for each write. What is kept wrongly stays wrong.
 */
async function assertTrue(session: Session, dir: Buffer, names: Iterable<string>, why: string) {
  const expected = [...names]
  for (let tries = 1; ; tries++) {
    try {
      return await assertNow(session, dir, expected, why)
    } catch (error) {
      if (tries === 3) throw error
    }
  }
}

async function assertNow(session: Session, dir: Buffer, names: readonly string[], why: string) {
  const entries = await listed(session, dir)
  const expected = ['.', '..', ...names].sort()
  assert.deepEqual(entries.map(({ name }) => name).sort(), expected, why)
  for (const { name, name_handle, name_attributes } of entries) {
    assert.deepEqual(name_handle, await session.lookup(dir, name), `${why}: ${name}`)
    const now = await session.attributes(name_handle as Buffer)
    assert.deepEqual({ ...name_attributes, atime: now.atime }, now, `${why}: ${name}`)
  }
}

test('whatever changes in between', async () => {
  const seed = seedFromEnvironment()
  const random = new SeededRandom(seed)
  const { session, dir: outer } = await share.workplace(ALICE)
  const dir = await session.mkdir(outer, 'listed')
  const files = new Map<string, Buffer>()
  const make = async (name: string) => files.set(name, await session.create(dir, name))
  for (let i = 0; i < 25; i++) await make(`file ${i}`)
  const [some, any] = [() => random.pick([...files.values()]), () => random.pick([...files.keys()])]
  const changes: Record<string, () => Promise<unknown>> = {
    nothing: async () => undefined,
    mode: () => session.set(some(), { mode: random.below(0o1000) | 0o600 }),
    size: () => session.set(some(), { size: random.below(100_000) }),
    unstable: () => session.write(some(), random.below(50_000), 'unstable', 0),
    stable: () => session.write(some(), random.below(50_000), 'stable'),
    commit: () => session.commit(some()),
    link: () => session.link(some(), outer, `link ${seed} ${random.below(2 ** 31)}`),
    create: () => make(`made ${random.below(2 ** 31)}`),
    remove: async () => {
      const name = any()
      await session.remove(dir, name)
      files.delete(name)
    },
    rename: async () => {
      const [from, to] = [any(), `renamed ${random.below(2 ** 31)}`]
      await session.rename(dir, from, dir, to)
      files.set(to, files.get(from) as Buffer)
      files.delete(from)
    },
    parent: () => session.set(dir, { mode: 0o755 + random.below(2) * 0o22 }),
  }
  // What is asked for once is not kept: the third listing is the first one from memory.
  for (let i = 0; i < 3; i++) await assertTrue(session, dir, files.keys(), `seed ${seed}, at first`)
  for (let step = 0; step < 120; step++) {
    const what = random.pick(Object.keys(changes))
    await changes[what]?.()
    await assertTrue(session, dir, files.keys(), `seed ${seed}, step ${step}: ${what}`)
  }
})

test('a directory that moves has another parent', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const [a, b] = [await session.mkdir(dir, 'a'), await session.mkdir(dir, 'b')]
  const inner = await session.mkdir(a, 'inner')
  const parent = async () => (await listed(session, inner)).find(({ name }) => name === '..')
  for (let i = 0; i < 3; i++) assert.deepEqual((await parent())?.name_handle, a)
  await session.rename(a, 'inner', b, 'inner')
  for (let i = 0; i < 3; i++) assert.deepEqual((await parent())?.name_handle, b)
})

let engine: Engine
let removeData: () => void

before(async () => {
  const { path, remove } = temporaryDirectory('listing-cache')
  removeData = remove
  engine = await openEngine(path)
})

after(async () => {
  await engine.close()
  removeData()
})

const opened = (ino: number): Opened => {
  const live = engine.world.control.shares.get(SHARE)
  const view = engine.world.live(SHARE)
  const inode = view.inode(ROOT_INO)
  assert.ok(live && inode)
  const opened = { share: live, view, ino, inode, principal: SYSTEM, asOf: NOW, fixed: false }
  return { ...opened, before: undefined }
}

const SIZE = 1000
/** Where the low half of the size is in an entry of which nothing else matters. */
const LENGTH_AT = SIZE - (4 + 4 + HANDLE_SIZE) - 84 + 24

/** One page of one entry, the inode `file`, from memory when it is there. */
function list(cache: ListingCache, dir: number, cookie: number, file: number): Buffer | undefined {
  const request = { cookie, dircount: 4096, maxcount: 4096 }
  const page = cache.page(opened(dir), request)
  if (Buffer.isBuffer(page)) return page
  if (!(page instanceof PageRecorder)) return undefined
  page.add(SHARE, file, SIZE)
  cache.keep(opened(dir), request, page, Buffer.alloc(SIZE, cookie))
  return undefined
}

test('staged bytes that are lost are in no page any more', async () => {
  const file = await createFile(engine, 'staged')
  const sizeIn = (cache: ListingCache) => list(cache, ROOT_INO, 7, file)?.readUInt32BE(LENGTH_AT)
  const stage = () => {
    const bytes = Buffer.alloc(5000)
    const written = engine.content.write(SHARE, file, 0, bytes, false, NO_ORIGIN, SYSTEM)
    assert.notEqual(typeof written, 'string')
  }
  const lose = () => engine.staging.drop(nodeId(SHARE, file))
  const cache = new ListingCache(engine)
  stage()
  for (let i = 0; i < 2; i++) assert.equal(sizeIn(cache), undefined)
  assert.equal(sizeIn(cache), 5000)
  lose()
  assert.equal(sizeIn(cache), 0)
  const recorded = new ListingCache(engine)
  stage()
  for (let i = 0; i < 2; i++) assert.equal(sizeIn(recorded), undefined)
  lose()
  assert.equal(sizeIn(recorded), 0)
})

test('it keeps no more than its limit, of many directories and of one', async () => {
  const limit = 20_000
  const cache = new ListingCache(engine, limit)
  const file = await createFile(engine, 'file')
  const again = (dir: number) => list(cache, dir, 0, file)
  for (let dir = 1; dir < 200; dir++) {
    for (let i = 0; i < 2; i++) assert.equal(again(dir), undefined)
    assert.ok(again(dir), 'the last one is there')
    assert.ok(cache.bytes <= limit, `${cache.bytes} bytes`)
  }
  for (let cookie = 0; cookie < 10_000; cookie++) {
    list(cache, ROOT_INO, cookie, file)
    if (cookie % 10 === 0) list(cache, ROOT_INO, cookie, file)
    assert.ok(cache.bytes <= limit, `${cache.bytes} bytes`)
  }
})
