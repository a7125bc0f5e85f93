/** The world as the journal has it: a store's checkpoint, and what was appended since. */
import { JournalFormatError } from '../journal/fields.ts'
import { type Frame, lastSeq, recordsOf } from '../journal/frame.ts'
import { EMPTY_TAIL, type JournalReader, type Tail, tailOf } from '../journal/journal.ts'
import { checkLink } from '../journal/verify.ts'
import { isFull } from '../platform/disk-full.ts'
import { LAG_RECORDS_MAX } from '../platform/limits.ts'
import type { Log } from '../platform/log.ts'
import { AuditIndex } from '../projections/audit-index.ts'
import { Follower, REFOLD_RECORDS } from '../projections/follower.ts'
import { World } from '../projections/world.ts'
import type { Store } from '../store/store.ts'

/** Where projections are kept. */
export interface StorePlace {
  /** Why what lies there must not be used, if that is known already. */
  damage(): string | undefined | Promise<string | undefined>
  open(): Store
  /** Of a store that is closed. */
  remove(): Promise<void>
}

export interface OpenWorldOptions {
  readonly place: StorePlace
  /** Bytes for rows in memory. */
  readonly memory: number
  readonly journal: JournalReader
  /** Where the journal ends. */
  readonly tail: Tail
  readonly log: Log
  /** Records that may be folded without the store taking them over; for tests. */
  readonly replayMax?: number
}

const PROGRESS_RECORDS = 100_000
/** More than a running server leaves to a start: the store is behind for another reason. */
const REPLAY_MAX = 2 * LAG_RECORDS_MAX

/**
 * Projections hold nothing that the journal does not: whatever is wrong with them, they are made
 * anew. What is wrong with the journal is for who runs the server: JournalFormatError.
 */
export async function openWorld(options: OpenWorldOptions): Promise<World> {
  const { place, log } = options
  const reason = (await place.damage()) ?? (await tryStored(options))
  if (typeof reason !== 'string') return reason
  log.warn({ reason }, 'rebuilding the projections from the journal')
  await place.remove()
  const store = place.open()
  try {
    return await onStore(options, store)
  } catch (error) {
    await store.close()
    throw error
  }
}

/** The world of what is stored, or why that is of no use. */
async function tryStored(options: OpenWorldOptions): Promise<World | string> {
  let store: Store | undefined
  try {
    store = options.place.open()
    return await onStore(options, store)
  } catch (error) {
    await store?.close()
    if (error instanceof JournalFormatError) throw error
    return (error as Error).message
  }
}

async function onStore(options: OpenWorldOptions, store: Store): Promise<World> {
  const { memory, journal, tail } = options
  const world = new World(store, memory)
  const why = await foreign(world, journal, tail)
  if (why !== undefined) throw new Error(why)
  // Whoever follows has to go on with the audit's index: it throws when that is not to be had.
  new AuditIndex(world)
  const long = tail.seq - world.seq > (options.replayMax ?? REPLAY_MAX)
  const current = long ? await refolded(world, options) : world
  await replay(current, options)
  return current
}

/**
 * The world behind a long part of the journal, which is moved into the store on the way: what is
 * only in memory must not grow with the journal.
 */
async function refolded(world: World, options: OpenWorldOptions): Promise<World> {
  const { journal, log, memory, tail } = options
  const follower = new Follower({
    world,
    journal: { read: never, stored: () => chained(world, journal) },
    flushRecords: REFOLD_RECORDS,
  })
  const said = (seq: number) => log.info({ seq, of: tail.seq }, 'replaying the journal')
  try {
    await follower.catchUp(said)
  } catch (error) {
    if (!isFull(error)) throw error
    log.warn('the disk is full: keeping in memory what the projections lack')
  }
  return new World(world.store, memory)
}

const never = (): never => {
  throw new Error('nobody follows')
}

/** What follows a world's checkpoint: one unbroken chain. */
async function* chained(world: World, journal: JournalReader): AsyncIterable<Frame> {
  let at = endOf(world)
  for await (const frame of journal.stored(at.seq + 1)) {
    checkLink(at, frame)
    at = tailOf(frame)
    yield frame
  }
}

function endOf({ stored: { seq, hash } }: World): Tail {
  return seq === 0 ? EMPTY_TAIL : { ...EMPTY_TAIL, seq, hash: Buffer.from(hash, 'latin1') }
}

/** Why a store is not of this journal. */
async function foreign(
  { stored: { seq, hash } }: World,
  journal: JournalReader,
  tail: Tail,
): Promise<string | undefined> {
  if (seq === 0) return undefined
  if (seq > tail.seq) return `they are at record ${seq}, the journal ends with ${tail.seq}`
  for await (const frame of journal.stored(seq)) {
    const same = lastSeq(frame) === seq && frame.hash.equals(Buffer.from(hash, 'latin1'))
    return same ? undefined : `they are of another journal at record ${seq}`
  }
  return `the journal has no record ${seq}`
}

/** Folds what follows the checkpoint: one unbroken chain up to the journal's end. */
async function replay(world: World, { journal, tail, log }: OpenWorldOptions): Promise<void> {
  let at = endOf(world)
  let said = at.seq
  for await (const frame of chained(world, journal)) {
    for (const record of recordsOf(frame)) world.apply(record)
    at = tailOf(frame)
    if (world.seq - said < PROGRESS_RECORDS) continue
    said = world.seq
    log.info({ seq: world.seq, of: tail.seq }, 'replaying the journal')
  }
  if (at.seq === tail.seq && at.hash.equals(tail.hash)) return
  throw new JournalFormatError(`behind record ${at.seq}: nothing, and it ends with ${tail.seq}`)
}
