/** Bringing up what an engine is made of: threads, what is durable, and the way between them. */
import { hostname } from 'node:os'
import { BlockIndex } from '../content/block-index.ts'
import { BlockStore } from '../content/block-store.ts'
import { ContentThread } from '../content/content-thread.ts'
import { RealDisk } from '../content/disk.ts'
import { recordsOf } from '../journal/frame.ts'
import type { Tail } from '../journal/journal.ts'
import { LmdbJournal } from '../journal/lmdb.ts'
import { LogThread } from '../journal/log-thread.ts'
import type { SettledBlocks } from '../journal/unsettled-blocks.ts'
import { type Clock, SystemClock } from '../platform/clock.ts'
import { fault } from '../platform/fault.ts'
import { MiB } from '../platform/limits.ts'
import type { Log } from '../platform/log.ts'
import type { Checkpoint } from '../projections/checkpoint.ts'
import { FollowerThread, type PackedHorizons } from '../projections/follower-thread.ts'
import type { World } from '../projections/world.ts'
import { LmdbStore } from '../store/lmdb-store.ts'
import { Ballast } from './ballast.ts'
import type { FrameLog } from './committer.ts'
import { Damages } from './damages.ts'
import { type DataPaths, dataPaths } from './data-directory.ts'
import { lockDataDirectory } from './data-lock.ts'
import { openWorld, type StorePlace } from './open-world.ts'
import { RecentChanges } from './recent-changes.ts'
import { recoverJournal } from './recover-journal.ts'
import { advised, StartCheck } from './start-check.ts'
import { untilRoom } from './until-room.ts'

export interface PartsOptions {
  readonly data: string
  readonly log: Log
  readonly projectionMemory: number
  readonly contentMemory: number
  /** Bytes of disk that only what frees some may use. */
  readonly reserve: number
  readonly onFailure: (error: Error) => void
}

export interface EngineParts {
  readonly paths: DataPaths
  readonly world: World
  readonly clock: Clock
  readonly tail: Tail
  readonly log: FrameLog
  /** For reading back what was written. */
  readonly journal: LmdbJournal
  /** As far as the journal's end tells. */
  readonly changes: RecentChanges
  readonly ballast: Ballast
  readonly blocks: BlockStore
  readonly damages: Damages
  readonly bulk: ContentThread
  readonly logThread: LogThread
  readonly follower: FollowerThread
  /** Whom the threads tell what happened; set by who uses the parts. */
  readonly news: News
  readonly close: () => Promise<void>
}

interface News {
  onCheckpoint: (checkpoint: Checkpoint) => void
  onDurable: () => void
  onReadable: () => void
  /** How far the past shall go. Resolves when what goes of it is in the journal. */
  onHorizons: (horizons: PackedHorizons) => Promise<void>
}

const silentNews = (): News => ({
  onCheckpoint: () => undefined,
  onDurable: () => undefined,
  onReadable: () => undefined,
  onHorizons: async () => undefined,
})

/** Checked again each second: a terabyte takes three days. */
const SCRUB_BYTES = 4 * MiB

type Closers = (() => unknown)[]

/** One that fails keeps nobody from closing the others. */
async function closeAll(closers: Closers): Promise<void> {
  const failures: unknown[] = []
  for (const close of closers.splice(0).reverse()) {
    try {
      await close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

export async function openParts(options: PartsOptions): Promise<EngineParts> {
  const closers: Closers = []
  try {
    const paths = dataPaths(options.data)
    closers.push(await lockDataDirectory(paths.root))
    return await openAll(options, paths, closers)
  } catch (error) {
    await closeAll(closers)
    throw advised(error, options.data)
  }
}

async function openAll(
  options: PartsOptions,
  paths: DataPaths,
  closers: Closers,
): Promise<EngineParts> {
  const { log, projectionMemory, onFailure } = options
  const news = silentNews()
  // Before anything is written: on a full disk a start needs some of it.
  const ballast = ballastFor(options, paths)
  closers.push(() => ballast.close())
  const start = new StartCheck(paths, log)
  closers.push(() => start.leave())
  await start.journal()
  await start.index()
  await recoverJournal(paths, log)
  const damages = new Damages(log)
  const { bulk, blocks } = await openContent(options, paths, damages, closers)
  const logThread = new LogThread(
    { journalDir: paths.journal, segmentsDir: paths.segments, indexPath: paths.index },
    {
      onSettled: (settled) => {
        landed(settled, blocks, bulk)
        news.onReadable()
      },
      onCrash: onFailure,
    },
  )
  closers.push(() => logThread.stop())
  damages.storing = { bulk, logThread }
  const clock = new SystemClock((await logThread.tail()).time)
  const tail = await logThread.claim(`${hostname()}:${process.pid}`, clock.now())
  fault('open.claimed')
  const journal = await LmdbJournal.open({ dir: paths.journal, readOnly: true })
  closers.push(() => journal.close())
  const world = await openProjections(options, paths, start, { journal, tail })
  fault('open.replayed')
  closers.push(() => world.store.close())
  const follower = new FollowerThread(
    { journalDir: paths.journal, storePath: paths.projections, memory: projectionMemory / 8 },
    {
      onCheckpoint: (checkpoint) => news.onCheckpoint(checkpoint),
      onErased: (erased) => world.erase(erased),
      onHorizons: (horizons) => news.onHorizons(horizons),
      onCrash: onFailure,
      settled: () => logThread.drain(),
      onPruneFailed: (error) => log.warn({ err: error }, 'pruning failed: it is tried again'),
    },
  )
  closers.push(() => follower.stop())
  news.onReadable = () => {
    journal.poke()
    follower.durable()
  }
  log.info(
    { epoch: tail.epoch, seq: tail.seq, replayed: tail.seq - world.stored.seq },
    'stream open',
  )
  const changes = await recentChanges(journal, tail.seq)
  return {
    paths,
    world,
    clock,
    tail,
    log: frameLog(logThread, ballast, news),
    journal,
    changes,
    ballast,
    blocks,
    damages,
    bulk,
    logThread,
    follower,
    news,
    close: () => closeAll(closers),
  }
}

const ballastFor = ({ log, reserve }: PartsOptions, { ballast }: DataPaths): Ballast =>
  new Ballast(ballast, reserve, (err) => log.warn({ err }, 'no disk space can be kept in reserve'))

/** Small blocks lie in segments by now: nobody keeps their bytes, and the index hears of them. */
function landed(
  { ids, written, position }: SettledBlocks,
  blocks: BlockStore,
  bulk: ContentThread,
): void {
  blocks.landed(written)
  for (const id of ids) blocks.unpin(id)
  if (position !== undefined) bulk.note(written, position)
}

function frameLog(logThread: LogThread, ballast: Ballast, news: News): FrameLog {
  return {
    append: async (frame, fresh) => {
      await untilRoom(
        () => logThread.append(frame, fresh),
        () => ballast.release(),
      )
      news.onDurable()
    },
  }
}

async function openProjections(
  { log, projectionMemory, onFailure }: PartsOptions,
  paths: DataPaths,
  start: StartCheck,
  { journal, tail }: { readonly journal: LmdbJournal; readonly tail: Tail },
): Promise<World> {
  let opening = true
  // Damage that shows while they are opened is no failure: they are made anew.
  const place = projectionsAt(paths.projections, start, (error) => opening || onFailure(error))
  try {
    return await openWorld({ place, memory: projectionMemory, journal, tail, log })
  } catch (error) {
    await start.restoreProjections()
    throw error
  } finally {
    opening = false
    await start.dropReplaced()
  }
}

async function openContent(
  { log, contentMemory, onFailure }: PartsOptions,
  paths: DataPaths,
  damages: Damages,
  closers: Closers,
): Promise<{ bulk: ContentThread; blocks: BlockStore }> {
  let blocks: BlockStore | undefined
  const bulk = new ContentThread(
    { segmentsDir: paths.segments, indexPath: paths.index, scrubBytes: SCRUB_BYTES },
    {
      onDamaged: (block) => damages.scrubbed(block),
      onRescued: (block) => damages.rescued(block),
      onHidden: (block) => damages.found(block),
      onIndexed: (position) => blocks?.indexed(position),
      onRecovering: (segment) => log.info({ segment }, 'indexing a segment'),
      onCrash: onFailure,
    },
  )
  closers.push(() => bulk.stop())
  const recovered = await bulk.recover()
  if (recovered > 0) log.info({ blocks: recovered }, 'took blocks into the index')
  const index = new BlockIndex(new LmdbStore(paths.index, { onDamage: onFailure }))
  closers.push(() => index.close())
  blocks = new BlockStore({
    disk: new RealDisk(paths.segments),
    index,
    memory: contentMemory,
    onDamage: (error) => damages.read(error),
    search: (id) => bulk.find(id),
  })
  const opened = blocks
  closers.push(() => opened.close())
  return { bulk, blocks }
}

function projectionsAt(
  path: string,
  start: StartCheck,
  onDamage: (error: Error) => unknown,
): StorePlace {
  return {
    damage: () => start.projections(),
    open: () => new LmdbStore(path, { onDamage }),
    remove: () => start.removeProjections(),
  }
}

/** Records at the journal's end that are looked through for recent changes. */
const RECENT_RECORDS = 4000

async function recentChanges(journal: LmdbJournal, seq: number): Promise<RecentChanges> {
  const changes = new RecentChanges()
  const from = Math.max(1, seq - RECENT_RECORDS)
  for await (const frame of journal.stored(from)) {
    for (const record of recordsOf(frame)) changes.add(record)
  }
  return changes
}
