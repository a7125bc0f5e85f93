/**
 * `node test/journal/golden/write.ts NAME`: writes a golden journal with every event there is, in
 * the version that it has now. Done once for each release that changes an event or the frame;
 * what was written is never changed.
 */
import { existsSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SYSTEM } from '../../../src/auth/principal.ts'
import type { Command } from '../../../src/commands/deciders.ts'
import { NO_ORIGIN, Stream } from '../../../src/commands/stream.ts'
import { noAttributes } from '../../../src/commands/tree/new-object.ts'
import { commandCodes, operations } from '../../../src/journal/command-names.ts'
import { encodeFrame, recordsOf } from '../../../src/journal/frame.ts'
import { claim } from '../../../src/journal/journal.ts'
import { LmdbJournal } from '../../../src/journal/lmdb.ts'
import { packRecord } from '../../../src/journal/record.ts'
import { refusals } from '../../../src/journal/refusal.ts'
import type { Clock } from '../../../src/platform/clock.ts'
import { MiB } from '../../../src/platform/limits.ts'
import { fileKind, ROOT_INO } from '../../../src/projections/inode.ts'
import { World } from '../../../src/projections/world.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { SeededRandom } from '../../seeded-random.ts'
import { accessesOf, folded, lineOf } from './folded.ts'

const name = process.argv[2] ?? ''
const root = join(import.meta.dirname, name)
if (!/^v\d+$/.test(name) || existsSync(root)) throw new Error('v1, v2 …, one that is not there yet')
const dir = join(root, 'journal')
mkdirSync(dir, { recursive: true })

const random = new SeededRandom(1)
let seconds = 1_760_000_000
let fraction = 123_456_789
let step = 1
const clock: Clock = {
  now: () => {
    seconds += step
    return { sec: seconds, nsec: fraction }
  },
}
// Small segments, so that there are several, and seals between them.
const journal = await LmdbJournal.open({ dir, segmentBytes: 4096 })
const world = new World(new MemoryStore(), 8 * MiB)
const tail = await claim(journal, 'golden', () => clock.now())
for await (const frame of journal.stored(1)) for (const r of recordsOf(frame)) world.apply(r)
const stream = new Stream({
  world,
  tail,
  log: { append: (frame) => journal.append(frame) },
  clock,
  random: () => random.word(),
  space: () => 'free',
  onFailure: (error) => {
    throw error
  },
})

const origin = { ...NO_ORIGIN, op: operations['nfs3.CREATE'], client: 1, uid: 1000, gid: 100 }

/** Accepted and durable; returns the number of what it made, and the record. */
async function done(command: Command): Promise<{ readonly id: number; readonly seq: number }> {
  const decision = stream.submit(command, origin, SYSTEM)
  if (typeof decision === 'string') throw new Error(`${command.type}: ${decision}`)
  const { outcome, seq } = decision
  if (outcome.kind === 'refused') throw new Error(`${command.type}: ${outcome.why}`)
  await stream.whenDurable(seq)
  return { id: outcome.ino, seq }
}

const share = 1
const [dir1, attributes] = [ROOT_INO, noAttributes]
const file = {
  type: 'CreateFile',
  share,
  attributes,
  verifier: undefined,
  size: undefined,
} as const
const times = { atime: { sec: 1, nsec: 2 }, mtime: { sec: 2 ** 40, nsec: 999_999_999 } }
const hashOf = (byte: number): string => String.fromCharCode(...Array(32).fill(byte))

await done({ type: 'CreateHandleKey', key: 'golden golden go' })
const options = {
  squash: 'none',
  allow: ['192.0.2.0/24', '2001:db8::/32'],
  quota: 2 ** 40,
} as const
await done({ type: 'CreateShare', name: '/größe', options, mode: 0o755, uid: 0, gid: 0 })
await done({ type: 'EditShare', name: '/größe', options: { retain: 3600, durability: 'async' } })
await done({ type: 'SeeClient', address: '192.0.2.1' })
await done({ type: 'SeeClient', address: '2001:db8::1' })
await done({ type: 'MountShare', client: 1, share, path: '/größe/dir' })
await done({ type: 'UnmountShare', client: 1, path: '/größe/dir' })
await done({ type: 'CreateUser', uid: 1000, name: 'alice', gid: 100, gids: [100, 2 ** 32 - 2] })
await done({ type: 'CreateUser', uid: 1001, name: 'bob', gid: 100, gids: [] })
await done({ type: 'DeleteUser', name: 'bob' })
await done({ type: 'CreateGroup', gid: 100, name: 'users' })
await done({ type: 'CreateGroup', gid: 101, name: 'others' })
await done({ type: 'DeleteGroup', name: 'others' })

const sub = await done({ type: 'CreateDirectory', share, dir: dir1, name: 'dir', attributes })
const one = await done({ ...file, dir: sub.id, name: 'caf\u00e9\u00ff', how: 'unchecked' })
await done({
  ...file,
  dir: dir1,
  name: 'once',
  how: 'exclusive',
  verifier: '\0\x01\x7f\x80\xff\0\0\0',
})
const timed = { mode: 0o4755, uid: 1000, gid: 100, ...times }
await done({ ...file, dir: dir1, name: 'timed', how: 'guarded', attributes: timed })
await done({ type: 'CreateSymlink', share, dir: dir1, name: 'link', target: '\xfe/x', attributes })
const device = { kind: fileKind.blockDevice, major: 8, minor: 2 ** 20 }
await done({ type: 'CreateSpecialFile', share, dir: dir1, name: 'disk', ...device, attributes })
const block = { length: 4096, blockOffset: 0 }
const extents = [
  { ...block, offset: 0, block: hashOf(0xab) },
  { ...block, offset: 2 ** 33, block: hashOf(0x80), length: 100 },
]
await done({ type: 'WriteContent', share, ino: one.id, extents, mtime: 'now' })
const same = { mode: undefined, uid: undefined, gid: undefined, atime: undefined, mtime: undefined }
const change = { type: 'ChangeAttributes', share, ino: one.id, guard: undefined, ...same } as const
await done({ ...change, size: 1000 })
// More extents than a record deletes, and than are moved: cut and swept.
const many = Array.from({ length: 1700 }, (_, i) => ({
  ...block,
  offset: i * 4096,
  block: hashOf(i % 7),
}))
await done({ type: 'WriteContent', share, ino: one.id, extents: many, mtime: 'now' })
await done({ ...change, size: 600 * 4096 + 1000 })
await done({ type: 'SweepContent', share, ino: one.id, content: one.id })
await done({ ...change, size: undefined, mode: 0o600, uid: 2 ** 32 - 2, ...times })
await done({ type: 'TouchAccessTime', share, ino: one.id })
await done({ type: 'LinkEntry', share, ino: one.id, dir: dir1, name: 'hard' })
const names = { fromDir: dir1, fromName: 'hard', toDir: sub.id, toName: 'harder' }
const renamed = await done({ type: 'RenameEntry', share, ...names })
await done({ type: 'SetLabel', share, label: 'monday', seq: renamed.seq })
await done({ type: 'SetLabel', share, label: 'gone', seq: 1 })
await done({ type: 'RemoveLabel', share, label: 'gone' })
await done({ type: 'PlaceHold', share, hold: 'case-1', seq: renamed.seq })
await done({ type: 'PlaceHold', share, hold: 'case-2', seq: renamed.seq })
await done({ type: 'ReleaseHold', share, hold: 'case-2' })
const held = { inodes: 6, bytes: 1000 }
await done({
  type: 'ForkShare',
  base: share,
  seq: renamed.seq,
  name: '/fork',
  options: {},
  ...held,
})
await done({ type: 'DeleteShare', name: '/fork' })
await done({ type: 'ForgetPast', of: 2, seq: 1 })
await done({ type: 'RemoveFile', share, dir: dir1, name: 'once' })

// Many at once: a frame that is compressed.
for (let i = 0; i < 150; i++) {
  stream.submit({ ...file, dir: sub.id, name: `file ${i}`, how: 'guarded' }, origin, SYSTEM)
}
// Refusals and reads, which have no events.
const about = { ino: one.id, dir: sub.id, name: 'x\x80', toDir: dir1, toName: 'y' }
const actor = { address: '192.0.2.9', name: '', count: 3 }
stream.noteRefusal('RenameEntry', share, about, 'notPermitted', { ...origin, xid: 7, checksum: 8 })
stream.noteRefusal('LogIn', 0, undefined, 'accessDenied', { ...NO_ORIGIN, actor })
stream.accesses.note(operations['nfs3.LOOKUP'], 1, origin, share, refusals.noEntry, sub.id, 'x\x80')
stream.accesses.note(operations['nfs3.READ'], 1, origin, share, 0, one.id, '')
stream.accesses.flush()
// A batch with all there is in one: several contexts, names that come again, are long or of bytes
// that are no text, inodes far apart, a second that ends, and some that are equal.
seconds += 1
fraction = 850_000_000
step = 0
const other = { ...origin, uid: 2 ** 32 - 1, gid: 0 }
const long = 'n'.repeat(2000)
for (let i = 0; i < 40; i++) {
  const who = i % 3 === 0 ? other : origin
  const asked = ['x\x80', long, '', `name ${i % 5}`, 'x\x80'][i % 5] as string
  const why = asked === long ? refusals.nameTooLong : 0
  const ino = i % 7 === 0 ? 2 ** 40 - 1 : sub.id
  if (i % 3 === 0) {
    // Calls that came in one piece have the same time.
    await null
    fraction += 20_000_000
    if (fraction >= 1e9) {
      seconds += 1
      fraction -= 1e9
    }
  }
  const op = asked === '' ? operations['nfs3.READ'] : operations['nfs3.LOOKUP']
  stream.accesses.note(op, 1 + (i % 2), who, share, why, ino, asked)
}
stream.accesses.flush()
step = 1
await stream.whenDurable(stream.decided)

// What takes thousands of clients to happen.
const end = await journal.tail()
const { sec, nsec } = clock.now()
const forgotten = packRecord({
  seq: end.seq + 1,
  command: commandCodes.SeeClient,
  sec,
  nsec,
  share: 0,
  origin: NO_ORIGIN,
  refusal: 0,
  about: undefined,
  events: [{ type: 'ClientForgotten', client: 2 }],
})
const { epoch, hash: previousHash } = end
const header = { epoch, firstSeq: end.seq + 1, count: 1, time: { sec, nsec }, previousHash }
await journal.append(encodeFrame(header, [forgotten]))
await journal.close()
for (const lock of globSync('*-lock', { cwd: dir })) rmSync(join(dir, lock))

const { records, digest, verified } = await folded(dir)
writeFileSync(join(root, 'records.ndjson'), records.map(lineOf).join(''))
writeFileSync(join(root, 'accesses.ndjson'), accessesOf(records))
const head = verified.tail.hash.toString('hex')
writeFileSync(join(root, 'expected.json'), `${JSON.stringify({ head, digest }, undefined, 2)}\n`)
