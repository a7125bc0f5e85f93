/** Forks: shares that begin as a moment of another one. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { SYSTEM } from '../../src/auth/principal.ts'
import type { Command } from '../../src/commands/deciders.ts'
import type { Engine } from '../../src/commands/engine.ts'
import { count } from '../../src/commands/past/count.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import { noAttributes } from '../../src/commands/tree/new-object.ts'
import { LmdbJournal } from '../../src/journal/lmdb.ts'
import { MiB } from '../../src/platform/limits.ts'
import { Follower } from '../../src/projections/follower.ts'
import { FIRST_COOKIE, fileKind, ROOT_INO } from '../../src/projections/inode.ts'
import type { TreeView } from '../../src/projections/tree-view.ts'
import { World } from '../../src/projections/world.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { temporaryDirectory } from '../temporary.ts'
import { accept, openEngine } from './engine-fixture.ts'

let path: string
let remove: () => void
let engine: Engine

beforeEach(async () => {
  ;({ path, remove } = temporaryDirectory('fork'))
  engine = await openEngine(path)
})

afterEach(async () => {
  await engine.close()
  remove()
})

/** A tree as plain text: what a client sees, without times. */
async function shown(view: TreeView, dir = ROOT_INO, prefix = ''): Promise<string[]> {
  const lines: string[] = []
  for (const [, { name, ino }] of view.list(dir, FIRST_COOKIE)) {
    assert.equal(view.entry(dir, name)?.ino, ino)
    const inode = view.inode(ino)
    assert.ok(inode, `${prefix}/${name} has no inode`)
    const { kind, mode, nlink, size, target } = inode
    let content = ''
    if (kind === fileKind.regular && size > 0) {
      const parts = await engine.content.read(view, inode, undefined, 0, size)
      const bytes = Buffer.concat(parts.map((p) => (typeof p === 'number' ? Buffer.alloc(p) : p)))
      content = bytes.toString('base64')
    }
    lines.push(`${prefix}/${name} ${kind} ${mode.toString(8)} ${nlink} ${size} ${target}${content}`)
    if (kind === fileKind.directory) lines.push(...(await shown(view, ino, `${prefix}/${name}`)))
  }
  return lines.sort()
}

const entryOf = (share: number, path: string) => {
  const view = engine.world.live(share)
  let ino = ROOT_INO
  for (const name of path.split('/')) ino = view.entry(ino, name)?.ino ?? assert.fail(`no ${path}`)
  return ino
}

const file = (share: number, dir: number, name: string) =>
  accept(engine, {
    type: 'CreateFile',
    share,
    dir,
    name,
    how: 'guarded',
    verifier: undefined,
    attributes: noAttributes,
    size: undefined,
  })

async function write(share: number, ino: number, offset: number, bytes: Buffer): Promise<void> {
  engine.content.write(share, ino, offset, bytes, false, NO_ORIGIN, SYSTEM)
  await engine.content.commit(share, ino)
}

async function populate(share: number): Promise<void> {
  const dir = await accept(engine, {
    type: 'CreateDirectory',
    share,
    dir: ROOT_INO,
    name: 'dir',
    attributes: noAttributes,
  })
  for (let i = 0; i < 8; i++) {
    const { ino } = await file(share, i % 2 === 0 ? ROOT_INO : dir.ino, `f${i}`)
    await write(share, ino, i * 1000, randomBytes(3000 + i * 700_000))
  }
  const linked = { type: 'LinkEntry', share, ino: entryOf(share, 'f0'), dir: dir.ino } as const
  await accept(engine, { ...linked, name: 'hard1' })
  await accept(engine, { ...linked, name: 'hard2' })
  await accept(engine, {
    type: 'CreateSymlink',
    share,
    dir: dir.ino,
    name: 'sym',
    target: '../f0',
    attributes: noAttributes,
  })
}

/** Changes of every kind, to what is below and to what is its own. */
async function churn(share: number): Promise<void> {
  const dir = entryOf(share, 'dir')
  await write(share, entryOf(share, 'f2'), 5000, randomBytes(2000))
  await write(share, entryOf(share, 'dir/f3'), 10_000_000, randomBytes(10))
  const attributes = {
    mode: undefined,
    uid: undefined,
    gid: undefined,
    atime: undefined,
    mtime: undefined,
  }
  const change = { type: 'ChangeAttributes', share, ...attributes, guard: undefined } as const
  await accept(engine, { ...change, ino: entryOf(share, 'f4'), size: 0 })
  await accept(engine, { ...change, ino: entryOf(share, 'f6'), size: 1234 })
  await accept(engine, { ...change, ino: entryOf(share, 'dir/f5'), size: undefined, mode: 0o600 })
  await accept(engine, { type: 'RemoveFile', share, dir: ROOT_INO, name: 'f0' })
  await accept(engine, { type: 'RemoveFile', share, dir, name: 'f7' })
  const rename = {
    type: 'RenameEntry',
    share,
    fromDir: dir,
    fromName: 'f1',
    toDir: ROOT_INO,
  } as const
  await accept(engine, { ...rename, toName: 'moved' })
  await accept(engine, { ...rename, fromName: 'hard1', toName: 'f2' })
  await file(share, ROOT_INO, 'f0')
  const { ino } = await file(share, dir, 'f7')
  await write(share, ino, 0, randomBytes(100))
  await accept(engine, { type: 'RemoveFile', share, dir, name: 'sym' })
}

async function fork(base: number, seq: number, name: string): Promise<number> {
  const counted = await count(engine.world.asOf(base, seq), async () => undefined)
  const command = { type: 'ForkShare', base, seq, name, options: {}, ...counted } as const
  const { ino } = await accept(engine, command)
  assert.deepEqual(await counts(ino), counted)
  return ino
}

/** What the sums say, which must be what there is. */
async function counts(share: number) {
  const { inodes, bytes } = engine.world.usage(share)
  const counted = await count(engine.world.live(share), async () => undefined)
  assert.deepEqual({ inodes, bytes }, counted)
  return counted
}

async function assertRebuilds(): Promise<void> {
  await engine.drain()
  await engine.readable()
  const journal = await LmdbJournal.open({ dir: engine.paths.journal, readOnly: true })
  const world = new World(new MemoryStore(), 4 * MiB)
  await new Follower({ world, journal }).catchUp()
  assert.equal(world.digest(), engine.world.digest())
  await journal.close()
  await engine.follower.flush()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([...engine.world.divergences()], [])
}

describe('fork', () => {
  test('begins as the moment was, and neither share sees the other’s changes', async () => {
    await populate(1)
    const moment = engine.stream.decided
    const then = await shown(engine.world.live(1))
    await churn(1)
    const now = await shown(engine.world.live(1))
    assert.notDeepEqual(now, then)
    const share = await fork(1, moment, '/fork')
    assert.deepEqual(await shown(engine.world.live(share)), then)
    await churn(share)
    await counts(share)
    await counts(1)
    const forked = await shown(engine.world.live(share))
    assert.deepEqual(await shown(engine.world.live(1)), now)
    assert.deepEqual(await shown(engine.world.asOf(1, moment)), then)
    // The same changes were made, but to names and sizes only: content was random.
    const names = (lines: string[]) => lines.map((line) => line.split(' ').slice(0, 5).join(' '))
    assert.deepEqual(names(forked), names(now))
    await assertRebuilds()
    await engine.close()
    engine = await openEngine(path)
    assert.deepEqual(await shown(engine.world.live(share)), forked)
    assert.deepEqual(await shown(engine.world.live(1)), now)
  })

  test('of a fork, at any moment of it', async () => {
    await populate(1)
    const first = await fork(1, engine.stream.decided, '/first')
    await file(first, ROOT_INO, 'only in the first')
    const moment = engine.stream.decided
    const then = await shown(engine.world.live(first))
    await churn(first)
    const second = await fork(first, moment, '/second')
    assert.deepEqual(await shown(engine.world.live(second)), then)
    await churn(second)
    const before = await shown(engine.world.asOf(second, engine.stream.decided))
    const last = engine.stream.decided
    await accept(engine, { type: 'RemoveFile', share: second, dir: ROOT_INO, name: 'f0' })
    assert.deepEqual(await shown(engine.world.asOf(second, last)), before)
    await assertRebuilds()
  })

  test('keeps what it stands on from being forgotten, also when the base is deleted', async () => {
    await populate(1)
    const moment = engine.stream.decided
    const then = await shown(engine.world.live(1))
    await churn(1)
    await accept(engine, { type: 'EditShare', name: '/export', options: { retain: 0 } })
    const share = await fork(1, moment, '/fork')
    await accept(engine, { type: 'EditShare', name: '/fork', options: { retain: 0 } })
    await accept(engine, { type: 'DeleteShare', name: '/export' })
    await engine.drain()
    await engine.close()
    engine = await openEngine(path)
    await engine.follower.prune()
    await engine.collector.collect()
    assert.deepEqual(await shown(engine.world.live(share)), then)
    await accept(engine, { type: 'DeleteShare', name: '/fork' })
    await engine.drain()
    await engine.close()
    engine = await openEngine(path)
    await engine.follower.prune()
    await engine.follower.prune()
    const collected = await engine.collector.collect()
    assert.ok(collected.dropped >= 8, `${collected.dropped} blocks went`)
  })

  test('and hold are refused at a moment that is about to be forgotten', async () => {
    await populate(1)
    const seq = engine.stream.decided
    await churn(1)
    await accept(engine, { type: 'ForgetPast', of: 1, seq: seq + 1 })
    const refusal = (command: Command) => {
      const decision = engine.stream.submit(command, NO_ORIGIN)
      assert.ok(typeof decision !== 'string')
      return decision.outcome.kind === 'refused' ? decision.outcome.why : undefined
    }
    const counts = { inodes: 1, bytes: 0, options: {} }
    const fork = { type: 'ForkShare', base: 1, seq, name: '/fork', ...counts } as const
    const hold = { type: 'PlaceHold', share: 1, hold: 'case', seq } as const
    assert.equal(refusal(fork), 'outOfRetention')
    assert.equal(refusal(hold), 'outOfRetention')
    assert.equal(refusal({ ...hold, seq: seq + 1 }), undefined)
    // Whoever came before is not forgotten.
    await accept(engine, { type: 'ForgetPast', of: 1, seq: engine.stream.decided })
    assert.equal(refusal({ ...hold, hold: 'again', seq: seq + 1 }), undefined)
    assert.equal(refusal({ ...hold, hold: 'late' }), 'outOfRetention')
  })
})
