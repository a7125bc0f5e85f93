/** A long journal for bench/audit.ts: made without a server, through the real codecs and folds. */
import { dataPaths } from '../src/commands/data-directory.ts'
import { commandCodes, operations } from '../src/journal/command-names.ts'
import type { Event } from '../src/journal/events.ts'
import { encodeFrame } from '../src/journal/frame.ts'
import { EMPTY_TAIL, type Tail, tailOf } from '../src/journal/journal.ts'
import { LmdbJournal } from '../src/journal/lmdb.ts'
import { type About, type JournalRecord, type Origin, packRecord } from '../src/journal/record.ts'
import { refusals } from '../src/journal/refusal.ts'
import { MiB } from '../src/platform/limits.ts'
import { Follower } from '../src/projections/follower.ts'
import { FIRST_COOKIE, ROOT_INO } from '../src/projections/inode.ts'
import { World } from '../src/projections/world.ts'
import { LmdbStore } from '../src/store/lmdb-store.ts'
import { Random } from './load/random.ts'

const SHARE = 1
const CLIENTS = 50
const USERS = 200
const DIRECTORIES = 1000
const FILES_EACH = 50
/** As under load; a record a frame would only measure frames. */
const FRAME_RECORDS = 64
const START = 1_780_000_000

/** Looked for by the bench: rare, as what an audit looks for is. */
export const NEEDLE = { uid: 7777, address: '192.0.2.77', every: 500_000 } as const
export const HAYSTACK_USER = 1017
export const PROBED = '/export/d500/f25'
/** The second half of records has other times than the first. */
export const timeAt = (seq: number): number => START + Math.floor(seq / 100)

const NO_ORIGIN = { op: operations.internal, client: 0, uid: 0, gid: 0, xid: 0, checksum: 0 }

const entryAbout = (dir: number, name: string): About => ({
  ino: 0,
  dir,
  name,
  toDir: 0,
  toName: '',
})
const nodeAbout = (ino: number): About => ({ ino, dir: 0, name: '', toDir: 0, toName: '' })

interface Happening {
  readonly command: number
  readonly origin: Origin
  readonly share?: number
  readonly refusal?: number
  readonly about?: About
  readonly events?: readonly Event[]
}

function* beginning(): Iterable<Happening> {
  const event: Event = {
    ...{ type: 'ShareCreated', share: SHARE, name: '/export', generation: 1 },
    ...{ mode: 0o777, uid: 0, gid: 0, options: { audit: 'all' } },
  } as const
  yield { command: commandCodes.CreateShare, origin: NO_ORIGIN, events: [event] }
  for (let client = 1; client <= CLIENTS; client++) {
    const address = client === CLIENTS ? NEEDLE.address : `192.0.2.${client}`
    const seen: Event = { type: 'ClientSeen', client, address }
    yield { command: commandCodes.SeeClient, origin: NO_ORIGIN, events: [seen] }
  }
  const fresh = { generation: 1, atime: undefined, mtime: undefined, gid: 100 }
  const share = SHARE
  for (let d = 0; d < DIRECTORIES; d++) {
    const place = { dir: ROOT_INO, name: `d${d}`, ino: dirIno(d), cookie: FIRST_COOKIE + d }
    const made: Event = { type: 'DirectoryCreated', ...place, ...fresh, uid: 0, mode: 0o777 }
    yield { share, command: commandCodes.CreateDirectory, origin: NO_ORIGIN, events: [made] }
  }
  for (let i = 0; i < DIRECTORIES * FILES_EACH; i++) {
    const [d, f] = [Math.floor(i / FILES_EACH), i % FILES_EACH]
    const place = { dir: dirIno(d), name: `f${f}`, ino: fileIno(i), cookie: FIRST_COOKIE + f }
    const verifier = undefined
    const made: Event = { type: 'FileCreated', ...place, ...fresh, uid: 0, mode: 0o644, verifier }
    yield { share, command: commandCodes.CreateFile, origin: NO_ORIGIN, events: [made] }
  }
}

const dirIno = (d: number): number => ROOT_INO + 1 + d
const fileIno = (i: number): number => ROOT_INO + 1 + DIRECTORIES + i

/** Reads, look-ups, writes, changes of attributes and refusals, as a busy share has them. */
function happening(seq: number, random: Random): Happening {
  const rare = seq % NEEDLE.every === 0
  const uid = rare ? NEEDLE.uid : 1000 + random.below(USERS)
  const client = rare ? CLIENTS : 1 + random.below(CLIENTS - 1)
  const who = { client, uid, gid: 100, xid: random.next(), checksum: 0 }
  const file = random.below(DIRECTORIES * FILES_EACH)
  const ino = fileIno(file)
  const share = SHARE
  const kind = rare ? 99 : random.below(100)
  if (kind < 60) {
    const origin = { ...who, op: operations['nfs3.READ'] }
    return { share, command: commandCodes.Access, origin, about: nodeAbout(ino) }
  }
  if (kind < 90) {
    const origin = { ...who, op: operations['nfs3.LOOKUP'] }
    const about = entryAbout(dirIno(Math.floor(file / FILES_EACH)), `f${file % FILES_EACH}`)
    return { share, command: commandCodes.Access, origin, about }
  }
  if (kind < 96) {
    const time = { mtime: undefined, ctime: undefined, mode: undefined }
    const size = 4096 * random.below(100)
    const written: Event = { type: 'ContentChanged', ino, content: ino, size, extents: [], ...time }
    const origin = { ...who, op: operations['nfs3.WRITE'] }
    return { share, command: commandCodes.WriteContent, origin, events: [written] }
  }
  if (kind < 99) {
    const none = { uid: undefined, gid: undefined, atime: undefined, mtime: undefined }
    const set: Event = { type: 'AttributesChanged', ino, mode: random.below(0o1000), ...none }
    const origin = { ...who, op: operations['nfs3.SETATTR'], checksum: random.next() }
    return { share, command: commandCodes.ChangeAttributes, origin, events: [set] }
  }
  const about = entryAbout(dirIno(Math.floor(file / FILES_EACH)), `f${file % FILES_EACH}`)
  const origin = { ...who, op: operations['nfs3.REMOVE'], checksum: random.next() }
  const refusal = refusals.accessDenied
  return { share, command: commandCodes.RemoveFile, origin, refusal, about }
}

function recordOf(seq: number, what: Happening): JournalRecord {
  const { share = 0, refusal = 0, about, events = [], command, origin } = what
  const time = { sec: timeAt(seq), nsec: (seq % 100) * 10_000_000 }
  return { seq, ...time, share, refusal, about, events, command, origin }
}

/** Appends records up to `count` to a new journal in a data directory. */
export async function makeJournal(
  data: string,
  count: number,
  progress: (seq: number) => void,
): Promise<void> {
  const journal = await LmdbJournal.open({ dir: dataPaths(data).journal })
  const random = new Random(1)
  let tail: Tail = EMPTY_TAIL
  let packed: Buffer[] = []
  let last = recordOf(0, { command: 0, origin: NO_ORIGIN })
  const append = async () => {
    const { seq, sec, nsec } = last
    const first = { firstSeq: seq - packed.length + 1, count: packed.length }
    const header = { epoch: 1, time: { sec, nsec }, previousHash: tail.hash, ...first }
    const frame = encodeFrame(header, packed)
    await journal.append(frame)
    tail = tailOf(frame)
    packed = []
    progress(seq)
  }
  const add = async (what: Happening) => {
    last = recordOf(last.seq + 1, what)
    packed.push(packRecord(last))
    if (packed.length === FRAME_RECORDS) await append()
  }
  const claimed: Event = { type: 'EpochClaimed', epoch: 1, owner: 'bench' }
  await add({ command: commandCodes.ClaimEpoch, origin: NO_ORIGIN, events: [claimed] })
  for (const what of beginning()) await add(what)
  while (last.seq < count) await add(happening(last.seq + 1, random))
  if (packed.length > 0) await append()
  await journal.close()
}

/** What the follower's thread does. */
export async function foldJournal(data: string, progress: (seq: number) => void): Promise<void> {
  const paths = dataPaths(data)
  const journal = await LmdbJournal.open({ dir: paths.journal, readOnly: true })
  const store = new LmdbStore(paths.projections)
  await new Follower({ world: new World(store, 256 * MiB), journal }).catchUp(progress)
  await store.close()
  await journal.close()
}
