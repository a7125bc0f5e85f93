/**
 * What the two threads that write blocks have in common: equal blocks are stored once, and nothing
 * is said to be stored before it is durable.
 */
import { blockId, type Location } from './block.ts'
import type { BlockIndex, Position } from './block-index.ts'
import type { FoundBlock } from './segment.ts'
import { SegmentWriter, type SegmentWriterOptions } from './segment.ts'

export interface Stored {
  /** One for each block, in order; equal blocks may lie elsewhere already. */
  readonly locations: readonly Location[]
  /** Those that were written now. */
  readonly written: readonly FoundBlock[]
  /** Everything this lane has written lies before it. */
  readonly position: Position
}

interface NewBlock {
  readonly id: string
  readonly bytes: Buffer
}

export class BlockWriter {
  private readonly index: BlockIndex
  private readonly segments: SegmentWriter
  /** Written here and perhaps not indexed yet. */
  private recent = new Map<string, Location>()
  private previous = new Map<string, Location>()
  /** Written and not durable yet. */
  private readonly underWay = new Map<string, Location>()
  /** Segments that are about to go: nothing new may rely on them. */
  private condemned: ReadonlySet<number> = new Set()

  constructor(index: BlockIndex, options: SegmentWriterOptions) {
    this.index = index
    this.segments = new SegmentWriter(options)
  }

  condemn(segments: ReadonlySet<number>): void {
    this.condemned = segments
  }

  /** Durable when it returns. Throws when the disk does not take it. */
  store(blocks: readonly NewBlock[]): Stored {
    const stored = this.place(blocks)
    this.segments.sync()
    for (const block of stored.written) this.remember(block)
    return stored
  }

  /**
   * The same without waiting for the disk in this thread. `done` is called when the blocks are
   * durable, in the order of the calls, so that what it is told lies in order too.
   */
  async storeLater<T>(blocks: readonly NewBlock[], done: (stored: Stored) => T): Promise<T> {
    const stored = this.place(blocks)
    // Who names equal ones meanwhile waits for the same sync, or a later one.
    for (const { id, ...place } of stored.written) this.underWay.set(id, place)
    try {
      await this.segments.syncLater()
      for (const block of stored.written) this.remember(block)
    } finally {
      for (const { id } of stored.written) this.underWay.delete(id)
    }
    return done(stored)
  }

  /** Durable when `sync` returns, or when whoever hears of the writes has made them so. */
  write(blocks: readonly NewBlock[]): Stored {
    const stored = this.place(blocks)
    for (const block of stored.written) this.remember(block)
    return stored
  }

  sync(): void {
    this.segments.sync()
  }

  /** Writes what is new. */
  private place(blocks: readonly NewBlock[]): Stored {
    const locations: Location[] = []
    const fresh: NewBlock[] = []
    const places: number[] = []
    const inThisCall = new Map<string, number>()
    for (const [i, block] of blocks.entries()) {
      const known = this.find(block.id)
      const twin = inThisCall.get(block.id)
      if (known !== undefined) locations[i] = known
      else if (twin === undefined) {
        inThisCall.set(block.id, fresh.length)
        places.push(i)
        fresh.push(block)
      }
    }
    const written = this.segments.append(fresh).map((location, n) => {
      const { id } = fresh[n] as NewBlock
      locations[places[n] as number] = location
      return { ...location, id }
    })
    for (const [i, { id }] of blocks.entries()) {
      locations[i] ??= written[inThisCall.get(id) as number] as Location
    }
    return { locations, written, position: this.segments.position }
  }

  private find(id: string): Location | undefined {
    const known =
      this.recent.get(id) ?? this.previous.get(id) ?? this.underWay.get(id) ?? this.index.get(id)
    return known === undefined || this.condemned.has(known.segment) ? undefined : known
  }

  /** Two generations: what is older than both has been indexed long since. */
  private remember({ id, segment, offset, length }: FoundBlock): void {
    this.recent.set(id, { segment, offset, length })
    if (this.recent.size < RECENT) return
    this.previous = this.recent
    this.recent = new Map()
  }

  /** Forgets blocks that were moved or dropped. */
  forget(ids: Iterable<string>): void {
    for (const id of ids) {
      this.recent.delete(id)
      this.previous.delete(id)
    }
  }

  /** Forgets blocks in segments that are gone. */
  forgetSegments(segments: ReadonlySet<number>): void {
    for (const generation of [this.recent, this.previous]) {
      for (const [id, { segment }] of generation) if (segments.has(segment)) generation.delete(id)
    }
    this.index.refresh()
  }

  close(): void {
    this.segments.close()
  }
}

const RECENT = 20_000

export const identified = (bytes: Buffer) => ({ id: blockId(bytes), bytes })
