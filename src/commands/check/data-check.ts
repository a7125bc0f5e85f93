/**
 * Everything in a data directory that nobody is using: journal, projections, index and content.
 * Memory does not grow with what there is; what has to be remembered goes into a scratch directory.
 */
import { existsSync, mkdirSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BlockIndex } from '../../content/block-index.ts'
import { RealDisk } from '../../content/disk.ts'
import { segmentHeader, segmentName } from '../../content/segment.ts'
import { LmdbJournal } from '../../journal/lmdb.ts'
import { MiB } from '../../platform/limits.ts'
import { readCheckpoint, readHorizons, writeHorizon } from '../../projections/checkpoint.ts'
import { World } from '../../projections/world.ts'
import { LmdbFile } from '../../store/lmdb-file.ts'
import { LmdbStore, StoreDamageError } from '../../store/lmdb-store.ts'
import type { DataPaths } from '../data-directory.ts'
import { recoverJournal } from '../recover-journal.ts'
import { type ContentScan, ContentScanner, DAMAGED_MAX } from './content-scan.ts'
import { digestFindings } from './digest-check.ts'
import { ExtentCheck } from './extent-check.ts'
import type { Area, Finding, OnFinding, Progress } from './finding.ts'
import { foldAnew } from './fold-anew.ts'
import { IndexCheck, pagesAreWhole } from './index-check.ts'
import { type CheckedJournal, JournalCheck } from './journal-check.ts'
import { NamedContentCheck } from './named-content.ts'
import { StoreCompare } from './store-compare.ts'
import { TreeCheck } from './tree-check.ts'

export interface DataCheckOptions {
  readonly paths: DataPaths
  readonly repair: boolean
  /** Where it may write what it has to remember. Of the same disk, if it shall repair. */
  readonly scratch: string
  readonly onFinding: OnFinding
  readonly progress: Progress
}

export interface Checked {
  readonly findings: number
  /** Findings that were made good, or that a repair would make good. */
  readonly healing: number
  readonly repaired: readonly string[]
  readonly records: number
  readonly frames: number
  readonly rows: number
  readonly extents: number
  readonly blocks: number
  readonly contentBytes: number
  /** Damaged blocks that nothing refers to any more. */
  readonly damagedGarbage: number
  /** Of the state as of the journal's last record, if it could be folded. */
  readonly digest: string | undefined
}

/** The check itself is not possible; the message says why and what to do. */
export class CheckError extends Error {
  override readonly name = 'CheckError'
}

const MEMORY = 128 * MiB
const ROOM_BESIDE = 64 * MiB

export class DataCheck {
  private readonly options: DataCheckOptions
  private readonly found = new Map<Area, number>()
  private findings = 0
  private healing = 0
  private rows = 0
  /** Those that are stored; of what is folded anew the journal says them. */
  private horizons: ReadonlyMap<number, number> = new Map()
  private folded: World | undefined
  private readonly repaired: string[] = []

  constructor(options: DataCheckOptions) {
    this.options = options
  }

  private readonly report: OnFinding = (finding) => {
    this.findings += 1
    if (finding.heals === true) this.healing += 1
    this.found.set(finding.area, (this.found.get(finding.area) ?? 0) + 1)
    this.options.onFinding(finding)
  }

  private get scratch(): string {
    return join(this.options.scratch, 'fsck.tmp')
  }

  async run(): Promise<Checked> {
    const { paths } = this.options
    if (!existsSync(paths.journal)) throw new CheckError(`${paths.root} is no data directory`)
    this.prepareScratch()
    try {
      return await this.checkAll()
    } finally {
      rmSync(this.scratch, { recursive: true, force: true })
    }
  }

  private prepareScratch(): void {
    const { projections, index } = this.options.paths
    rmSync(this.scratch, { recursive: true, force: true })
    mkdirSync(this.scratch, { recursive: true, mode: 0o700 })
    const sizes = [projections, index].map((path) => (existsSync(path) ? statSync(path).size : 0))
    const needed = sizes.reduce((sum, size) => sum + size, ROOM_BESIDE)
    const { bavail, bsize } = statfsSync(this.scratch)
    if (bavail * bsize >= needed) return
    throw new CheckError(
      `${this.options.scratch} has ${mib(bavail * bsize)} MiB free, and the check needs ` +
        `${mib(needed)}: --scratch DIR says where there is more`,
    )
  }

  private async checkAll(): Promise<Checked> {
    const { paths, progress } = this.options
    let journal = new JournalCheck(paths.journal, this.report, progress).run()
    // As every start does it: behind a crash the last records are in the tail log only.
    if (journal.whole && (await recoverJournal(paths)) > 0) {
      journal = new JournalCheck(paths.journal, this.report, progress).run()
    }
    const storedIsWhole = this.projectionPages()
    const stored = storedIsWhole ? await this.storedPosition(journal) : undefined
    const folds = journal.whole && journal.firstSeq <= 1
    const store = this.storeFor(folds, storedIsWhole)
    let opened = true
    try {
      let world: World | undefined
      if (folds) world = await this.fold(store, stored)
      else if (storedIsWhole) world = this.storedWorld(store)
      const usable = world !== undefined && (await this.state(world, folds))
      const digest = folds && usable ? world?.digest() : undefined
      const content = await this.content(usable ? world : undefined)
      if (this.options.repair && folds) this.keepHorizons(store)
      await store.close()
      opened = false
      if (this.options.repair) this.repair(folds, content)
      return this.result(journal, content, digest)
    } finally {
      if (opened) await store.close()
    }
  }

  /** The state to look at: folded anew, or else what is stored, or else nothing. */
  private storeFor(folds: boolean, storedIsWhole: boolean): LmdbStore {
    const stored = this.options.paths.projections
    if (folds || !storedIsWhole) return new LmdbStore(this.newProjections)
    return new LmdbStore(stored, { readOnly: true })
  }

  private storedWorld(store: LmdbStore): World | undefined {
    try {
      return new World(store, MEMORY)
    } catch (error) {
      this.report({ area: 'projections', where: 'a row', what: (error as Error).message })
      return undefined
    }
  }

  private get newProjections(): string {
    return join(this.scratch, 'projections', 'projections.mdb')
  }

  private get newIndex(): string {
    return join(this.scratch, 'index.mdb')
  }

  private projectionPages(): boolean {
    const { paths } = this.options
    if (!existsSync(paths.projections)) return false
    return pagesAreWhole(paths.projections, (where, what) =>
      this.report({
        area: 'projections',
        where,
        what,
        means: 'Names and attributes on this page would be missing or wrong.',
        heals: true,
      }),
    )
  }

  /** The record that the projections are of, if their journal has it. */
  private async storedPosition({ whole, tail }: CheckedJournal): Promise<number | undefined> {
    const store = new LmdbStore(this.options.paths.projections, { readOnly: true })
    try {
      const { seq } = readCheckpoint(store)
      this.horizons = readHorizons(store)
      if (seq <= tail.seq || !whole) return seq
      this.report({
        area: 'journal',
        where: `behind record ${tail.seq}`,
        what: `its end is missing: the projections are of record ${seq}`,
        means: 'The last changes cannot be replayed; the projections still have what they did.',
      })
      return undefined
    } catch (error) {
      const means = 'They cannot be used.'
      const where = 'the checkpoint'
      const what = (error as Error).message
      this.report({ area: 'projections', where, what, means, heals: true })
      return undefined
    } finally {
      await store.close()
    }
  }

  private readonly horizon = (share: number): number =>
    Math.max(this.horizons.get(share) ?? 0, this.folded?.horizon(share) ?? 0)

  private async fold(store: LmdbStore, stored: number | undefined): Promise<World | undefined> {
    const { paths, progress } = this.options
    const world = new World(store, MEMORY)
    this.folded = world
    const journal = await LmdbJournal.open({ dir: paths.journal, readOnly: true })
    let compared = false
    try {
      await foldAnew(
        world,
        journal,
        stored ?? 0,
        () => {
          compared = true
          this.compare(world)
        },
        progress,
      )
    } catch (error) {
      const where = `record ${world.seq + 1}`
      this.report({ area: 'journal', where, what: `cannot be folded: ${(error as Error).message}` })
      return undefined
    } finally {
      await journal.close()
    }
    if (stored !== undefined && stored > 0 && !compared) {
      const where = `record ${stored}`
      const what = 'they end with a record that no frame ends with: they are of another journal'
      this.report({ area: 'projections', where, what, heals: true })
    }
    return world
  }

  private compare(folded: World): void {
    const { paths, progress } = this.options
    const stored = new LmdbFile(paths.projections, () => undefined)
    const { report: onFinding, horizon } = this
    try {
      this.rows += new StoreCompare({ stored, folded, horizon, onFinding, progress }).run()
    } finally {
      stored.close()
    }
  }

  /**
   * Whether the tree is one. Of a fold it always is, or the journal says what cannot be. False when
   * the rows cannot be read.
   */
  private async state(world: World, folded: boolean): Promise<boolean> {
    try {
      await this.tree(world, folded)
      return true
    } catch (error) {
      if (!(error instanceof StoreDamageError)) throw error
      this.report({ area: 'projections', where: 'a row', what: error.message })
      return false
    }
  }

  private async tree(world: World, folded: boolean): Promise<void> {
    const { progress } = this.options
    const report = (finding: Finding): void =>
      this.report(folded ? { ...finding, area: 'journal' } : finding)
    for await (const finding of new TreeCheck(world, progress).findings()) report(finding)
    for (const finding of new ExtentCheck(world, progress).findings()) report(finding)
    const shares = world.control.shares.values()
    for (const finding of digestFindings(world.store, shares, progress)) report(finding)
  }

  private async content(world: World | undefined): Promise<Content> {
    const { paths, progress } = this.options
    const onFinding = this.report
    const disk = new RealDisk(paths.segments)
    const sound = new BlockIndex(new LmdbStore(this.newIndex))
    try {
      const scan = new ContentScanner({ disk, sound, onFinding, progress }).run()
      // Without its header a block is not met in its segment: the index knows where it was.
      const onUnsound = (id: string, where: string) => {
        if (!scan.damaged.has(id) && scan.damaged.size < DAMAGED_MAX) scan.damaged.set(id, where)
      }
      const index = new IndexCheck({ path: paths.index, disk, sound, onFinding, onUnsound })
      index.open()
      const { horizon } = this
      const { damaged } = scan
      const onNeeded = (id: string) => index.needed(id)
      const named =
        world &&
        new NamedContentCheck({ world, sound, horizon, damaged, onFinding, progress, onNeeded })
      const extents = named?.run() ?? 0
      const needless = (id: string): boolean => named !== undefined && !named.isNeeded(id)
      const garbage = [...damaged.keys()].filter(needless).length
      await index.close()
      return { scan, extents, garbage, unsound: index.unsound }
    } finally {
      await sound.close()
    }
  }

  /** What retention has forgotten stays forgotten: its content is gone. */
  private keepHorizons(store: LmdbStore): void {
    store.commit((writer) => {
      for (const share of this.horizons.keys()) writeHorizon(writer, share, this.horizon(share))
    })
  }

  private repair(folds: boolean, { scan, unsound }: Content): void {
    const { paths } = this.options
    if (folds && this.found.has('projections')) {
      rmSync(dirname(paths.projections), { recursive: true, force: true })
      renameSync(dirname(this.newProjections), dirname(paths.projections))
      this.repaired.push('projections')
    }
    // Without those that are damaged: who writes the same bytes again then stores them anew.
    if (this.found.has('index') || unsound > 0) {
      rmSync(`${paths.index}-lock`, { force: true })
      renameSync(this.newIndex, paths.index)
      this.repaired.push('index')
    }
    if (scan.headers.length === 0) return
    const disk = new RealDisk(paths.segments)
    for (const segment of scan.headers) {
      const file = disk.open(segmentName(segment))
      file.write([segmentHeader(segment)], 0)
      file.sync()
      file.close()
    }
    this.repaired.push('segment headers')
  }

  private result(
    { records, frames }: CheckedJournal,
    { scan, extents, garbage }: Content,
    digest: string | undefined,
  ): Checked {
    const { findings, healing, repaired, rows } = this
    const { blocks, bytes } = scan
    return {
      findings,
      healing,
      repaired,
      records,
      frames,
      rows,
      extents,
      blocks,
      contentBytes: bytes,
      damagedGarbage: garbage,
      digest,
    }
  }
}

interface Content {
  readonly scan: ContentScan
  readonly extents: number
  readonly garbage: number
  /** Blocks in the index that are damaged. */
  readonly unsound: number
}

const mib = (bytes: number): number => Math.ceil(bytes / MiB)
