/**
 * What must be looked at before LMDB opens the files of a data directory: it trusts what it reads,
 * and a damaged page can end the process. Behind a clean stop only what a look at the first pages
 * shows; behind any other every page, since what ended the process may have been just that.
 */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { JournalFormatError } from '../journal/fields.ts'
import { segmentSeq } from '../journal/lmdb-segment.ts'
import type { Log } from '../platform/log.ts'
import { lmdbDamage } from '../store/lmdb-damage.ts'
import { damageNote } from '../store/lmdb-store.ts'
import type { DataPaths } from './data-directory.ts'

/** Journal files that a start reads: the one that is written, and the one before it. */
const JOURNAL_FILES = 2

/** An error that says that the journal is damaged, with what helps; any other as it is. */
export function advised(error: unknown, root: string): unknown {
  const { name, message } = error as Error
  if (name !== 'JournalFormatError') return error
  return new JournalFormatError(
    `the journal is damaged: ${message}. dfs fsck --data ${root} says what is wrong with it, and ` +
      'docs/guide/repair.md what can be done',
  )
}

export class StartCheck {
  private readonly paths: DataPaths
  private readonly log: Log
  private readonly depth: 'pages' | 'ends'

  /** Of a data directory that is locked. Until `leave` a stop counts as unclean. */
  constructor(paths: DataPaths, log: Log) {
    this.paths = paths
    this.log = log
    this.depth = existsSync(this.marker) ? 'pages' : 'ends'
    writeFileSync(this.marker, '', { mode: 0o600 })
  }

  private get marker(): string {
    return join(this.paths.root, 'running')
  }

  /** Throws JournalFormatError, which says where. */
  async journal(): Promise<void> {
    const { journal } = this.paths
    if (!existsSync(journal)) return
    const names = readdirSync(journal).filter((name) => segmentSeq(name) !== undefined)
    for (const name of names.sort().slice(-JOURNAL_FILES)) {
      const damage = await lmdbDamage(join(journal, name), this.depth)
      if (damage === undefined) continue
      throw new JournalFormatError(`journal/${name}, ${damage}`)
    }
  }

  /** Why the projections cannot be used, if that is known without opening them. */
  async projections(): Promise<string | undefined> {
    const { projections } = this.paths
    return damageNote(projections) ?? (await lmdbDamage(projections, this.depth))
  }

  /** The index is made again from the segments by whoever opens it and finds none. */
  async index(): Promise<void> {
    const { index } = this.paths
    const damage = damageNote(index) ?? (await lmdbDamage(index, this.depth))
    if (damage === undefined) return
    this.log.warn({ reason: damage }, 'making the index of blocks anew from the segments')
    for (const suffix of ['', '-lock', '.damaged']) rmSync(`${index}${suffix}`, { force: true })
  }

  private get replaced(): string {
    return `${dirname(this.paths.projections)}.old`
  }

  /** Puts the projections aside: they may have what a damaged journal does not have any more. */
  async removeProjections(): Promise<void> {
    const dir = dirname(this.paths.projections)
    await rm(this.replaced, { recursive: true, force: true })
    if (existsSync(dir)) await rename(dir, this.replaced)
  }

  /** Gives back the projections that could not be made anew. */
  async restoreProjections(): Promise<void> {
    if (!existsSync(this.replaced)) return
    const dir = dirname(this.paths.projections)
    await rm(dir, { recursive: true, force: true })
    await rename(this.replaced, dir)
  }

  /** New ones are complete. */
  dropReplaced(): Promise<void> {
    return rm(this.replaced, { recursive: true, force: true })
  }

  /** All files were closed in order. */
  leave(): void {
    rmSync(this.marker, { force: true })
  }
}
