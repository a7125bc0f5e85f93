/**
 * What the two threads that write blocks have in common: equal blocks are stored once, and nothing
 * is said to be stored before it is durable.
 */
import { blockId, framed, type Location } from './block.ts'
import type { BlockIndex, Position } from './block-index.ts'
import { IdMap } from './id-map.ts'
import type { FoundBlock } from './segment.ts'
import { numberOf, SEGMENT_HEADER, SegmentWriter, type SegmentWriterOptions } from './segment.ts'

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
  readonly stored?: readonly Buffer[]
  readonly checksum?: number | undefined
}

const LOST = 'an equal block that was being stored is lost'

/** Which of some blocks are to be written. */
interface Placing {
  /** Where the others lie, by their number. */
  readonly known: readonly (Location | undefined)[]
  readonly fresh: readonly NewBlock[]
  /** Which of the fresh ones an id is. */
  readonly twins: IdMap<number>
}

export class BlockWriter {
  private readonly index: BlockIndex
  private readonly segments: SegmentWriter
  /** Written here and perhaps not indexed yet. */
  private recent = new IdMap<Location>()
  private previous = new IdMap<Location>()
  /** Written and not durable yet. */
  private readonly underWay = new IdMap<Location>()
  /** Ends when the calls before have written. */
  private turn: Promise<void> = Promise.resolve()
  /** Ends when the calls before are done, one way or the other. */
  private ending: Promise<void> = Promise.resolve()
  /** Segments that are about to go: nothing new may rely on them. */
  private condemned: ReadonlySet<number> = new Set()

  constructor(index: BlockIndex, options: SegmentWriterOptions) {
    this.index = index
    const { segment, offset } = index.position(options.lane)
    // A start looks for blocks behind the position only.
    const first = numberOf(segment) + (offset > SEGMENT_HEADER ? 1 : 0)
    this.segments = new SegmentWriter(options, first)
  }

  /**
   * Until the next call. What was written to those of the last one is found by the index alone from
   * then on: they were emptied, or some of their blocks were dropped, or equal ones lie elsewhere.
   */
  condemn(segments: ReadonlySet<number>): void {
    this.forgetSegments(this.condemned)
    this.condemned = segments
  }

  isCondemned(segment: number): boolean {
    return this.condemned.has(segment)
  }

  /** Durable when it returns. Throws when the disk does not take it. */
  store(blocks: readonly NewBlock[]): Stored {
    const stored = this.place(blocks)
    this.segments.sync()
    for (const block of stored.written) this.remember(block)
    return stored
  }

  /**
   * The same without waiting for the disk in this thread: one call's blocks are written while those
   * of the next are prepared and those of the last are synced. `done` is called when the blocks are
   * durable, in the order of the calls, so that what it is told lies in order too. Until then the
   * bytes must stay as they are.
   */
  async storeLater<T>(blocks: readonly NewBlock[], done: (stored: Stored) => T): Promise<T> {
    const prepared = blocks.map(({ id, bytes }) => ({ id, bytes, stored: framed(id, bytes) }))
    const { relied, stored, before, ended } = await this.inTurn(async () => {
      const placed = await this.placeLater(prepared)
      const order = { before: this.ending, ended: Promise.withResolvers<void>() }
      this.ending = order.ended.promise
      return { ...placed, ...order }
    })
    try {
      await this.segments.syncLater()
      // Also when a sync that they do not share ended for this one first: who is told that all is
      // indexed before a position must not be told before those whose blocks lie there.
      await before
      for (const { id, segment, offset } of relied) {
        const place = this.recent.get(id) ?? this.previous.get(id)
        if (place?.segment !== segment || place.offset !== offset) throw new Error(LOST)
      }
      for (const block of stored.written) this.remember(block)
      return done(stored)
    } finally {
      for (const { id } of stored.written) this.underWay.delete(id)
      ended.resolve()
    }
  }

  private async inTurn<T>(write: () => Promise<T>): Promise<T> {
    const before = this.turn
    const ended = Promise.withResolvers<void>()
    this.turn = ended.promise
    await before
    try {
      return await write()
    } finally {
      ended.resolve()
    }
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

  /** The segment that the next block goes to, or the one before it. */
  get segment(): number {
    return this.segments.position.segment
  }

  /** Writes what is new. */
  private place(blocks: readonly NewBlock[]): Stored {
    const placing = this.select(blocks)
    return this.placed(blocks, placing, this.segments.append(placing.fresh))
  }

  private async placeLater(
    blocks: readonly NewBlock[],
  ): Promise<{ readonly relied: readonly FoundBlock[]; readonly stored: Stored }> {
    const placing = this.select(blocks)
    // Equal ones of calls whose sync has not ended: this one is lost with them.
    const relied = [...new Set(blocks.map(({ id }) => id))].flatMap((id) => {
      const place = this.underWay.get(id)
      return place === undefined ? [] : [{ id, ...place }]
    })
    const locations = await this.segments.appendLater(placing.fresh)
    const stored = this.placed(blocks, placing, locations)
    // Who names equal ones meanwhile waits for the same sync, or a later one.
    for (const { id, ...place } of stored.written) this.underWay.set(id, place)
    return { relied, stored }
  }

  private select(blocks: readonly NewBlock[]): Placing {
    const known: Location[] = []
    const fresh: NewBlock[] = []
    const twins = new IdMap<number>()
    for (const [i, block] of blocks.entries()) {
      const place = this.find(block.id)
      if (place !== undefined) known[i] = place
      else if (!twins.has(block.id)) {
        twins.set(block.id, fresh.length)
        fresh.push(block)
      }
    }
    return { known, fresh, twins }
  }

  private placed(
    blocks: readonly NewBlock[],
    { known, fresh, twins }: Placing,
    places: readonly Location[],
  ): Stored {
    const written = places.map((place, n) => ({ ...place, id: (fresh[n] as NewBlock).id }))
    const locations = blocks.map(
      ({ id }, i) => known[i] ?? (places[twins.get(id) as number] as Location),
    )
    return { locations, written, position: this.segments.position }
  }

  private find(id: string): Location | undefined {
    const known =
      this.recent.get(id) ?? this.previous.get(id) ?? this.underWay.get(id) ?? this.index.get(id)
    if (known === undefined || known.damaged === true) return undefined
    return this.condemned.has(known.segment) ? undefined : known
  }

  /** Two generations: what is older than both has been indexed long since. */
  private remember({ id, segment, offset, length }: FoundBlock): void {
    this.recent.set(id, { segment, offset, length })
    if (this.recent.size < RECENT) return
    this.previous = this.recent
    this.recent = new IdMap()
  }

  /** Forgets blocks that were moved or dropped, or are damaged: the index says where they are. */
  forget(ids: Iterable<string>): void {
    for (const id of ids) {
      this.recent.delete(id)
      this.previous.delete(id)
    }
    this.index.refresh()
  }

  /** All of their blocks are indexed that anybody needs. */
  private forgetSegments(segments: ReadonlySet<number>): void {
    for (const generation of [this.recent, this.previous]) {
      for (const [id, { segment }] of generation.entries())
        if (segments.has(segment)) generation.delete(id)
    }
    this.index.refresh()
  }

  close(): void {
    this.segments.close()
  }
}

const RECENT = 20_000

export const identified = (bytes: Buffer) => ({ id: blockId(bytes), bytes })
