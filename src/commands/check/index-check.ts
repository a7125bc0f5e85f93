/** Whether the index of blocks leads to them. */
import { existsSync } from 'node:fs'
import { BlockIndex } from '../../content/block-index.ts'
import type { Disk } from '../../content/disk.ts'
import { laneOf, segmentName } from '../../content/segment.ts'
import { LmdbFile } from '../../store/lmdb-file.ts'
import { PageError } from '../../store/lmdb-page.ts'
import { LmdbStore, StoreDamageError } from '../../store/lmdb-store.ts'
import { damageOf } from './content-scan.ts'
import { Limited, type OnFinding } from './finding.ts'

export interface IndexCheckOptions {
  readonly path: string
  readonly disk: Disk
  /** Where blocks are whole. */
  readonly sound: BlockIndex
  readonly onFinding: OnFinding
  /** Of each block that it leads to and that is not whole there: where, and why. */
  readonly onUnsound?: (id: string, where: string) => void
}

export class IndexCheck {
  private readonly options: IndexCheckOptions
  private readonly limited: Limited
  private index: BlockIndex | undefined
  private given = false
  /** Damaged blocks that it leads to. */
  unsound = 0

  constructor(options: IndexCheckOptions) {
    this.options = options
    this.limited = new Limited(options.onFinding)
  }

  private found(where: string, what: string): void {
    const means = 'Content is there and may not be found: reading it gives an I/O error.'
    this.limited.add({ area: 'index', where, what, means, heals: true })
  }

  /** The pages of its file, and then, if they are whole, what it says. */
  open(): void {
    const { path } = this.options
    // One that was deleted is made again at the next start.
    if (!existsSync(path)) return
    if (pagesAreWhole(path, (where, what) => this.found(where, what))) {
      const index = new BlockIndex(new LmdbStore(path, { readOnly: true }))
      this.index = index
      this.read(() => this.entries(index))
    }
  }

  /** Once it is known that the index has to be made anew nothing more is asked of it. */
  private read(look: () => void): void {
    try {
      look()
    } catch (error) {
      if (!(error instanceof StoreDamageError)) throw error
      this.found('a value', error.message)
      this.given = true
    }
  }

  private entries(index: BlockIndex): void {
    const { sound, disk, onUnsound } = this.options
    for (const block of index.all()) {
      const { id, segment, offset } = block
      const place = sound.get(id)
      if (place === undefined) {
        this.unsound += 1
        const why = this.damage(disk, block) ?? 'it is not found by who reads the segment'
        onUnsound?.(id, `${segmentName(segment)}, byte ${offset}: ${why}`)
        continue
      }
      if (place.segment === segment && place.offset === offset) continue
      // Two copies are no fault, if both are whole.
      const why = this.damage(disk, block)
      if (why === undefined) continue
      const what = `block ${hex(id)} is looked for in ${segmentName(segment)} at ${offset}: ${why}`
      this.found(`${segmentName(place.segment)}, byte ${place.offset}`, what)
    }
  }

  private damage(disk: Disk, block: Parameters<typeof damageOf>[1]): string | undefined {
    try {
      const file = disk.open(segmentName(block.segment))
      try {
        return damageOf(file, block)
      } finally {
        file.close()
      }
    } catch (error) {
      return (error as Error).message
    }
  }

  /** A block that a file needs and that is whole: it must be found, unless it is newer. */
  needed(id: string): void {
    const { index } = this
    if (index === undefined || this.given) return
    this.read(() => this.look(index, id))
  }

  private look(index: BlockIndex, id: string): void {
    if (index.get(id) !== undefined) return
    const place = this.options.sound.get(id)
    if (place === undefined) return
    const { segment, offset } = index.position(laneOf(place.segment))
    const behind = place.segment > segment || (place.segment === segment && place.offset >= offset)
    if (behind) return
    this.found(
      `${segmentName(place.segment)}, byte ${place.offset}`,
      `block ${hex(id)} is not in the index`,
    )
  }

  async close(): Promise<number> {
    this.limited.end('index')
    await this.index?.close()
    return this.limited.total
  }
}

const hex = (id: string): string => Buffer.from(id, 'latin1').toString('hex')

/** Reports damaged pages of an LMDB file; true when there are none. */
export function pagesAreWhole(path: string, found: (where: string, what: string) => void): boolean {
  let file: LmdbFile
  const name = path.split('/').slice(-2).join('/')
  try {
    file = new LmdbFile(path, ({ page, at, what }) =>
      found(`${name}, page ${page} (byte ${at})`, what),
    )
  } catch (error) {
    if (!(error instanceof PageError)) throw error
    found(name, error.message)
    return false
  }
  try {
    for (const _ of file.all());
    return file.whole
  } finally {
    file.close()
  }
}
