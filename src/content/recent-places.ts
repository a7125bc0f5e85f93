/**
 * Where the blocks of one lane lie that the index may not have yet, by the thousand: numbers in
 * arrays that are used again and again, since objects would live just long enough to be copied
 * into the old part of the heap.
 */
import type { Location } from './block.ts'
import type { Position } from './block-index.ts'
import { IdMap } from './id-map.ts'
import { PLACE_WORDS } from './noted-blocks.ts'

/** Powers of two: places that there is room for at first, and when there are none again. */
const ROOM = 64
const ROOM_KEPT = 65_536
/** Blocks that are forgotten at a time, and for each one that comes. */
const FORGOTTEN = 10_000
const FORGOTTEN_MEANWHILE = 4
/** A block's number is its order, and begins again here: V8 holds what is smaller unboxed. */
const NUMBERS = 2 ** 30

export class RecentPlaces {
  /**
   * Of equal blocks the newest. Up to date when somebody looks: most blocks are in the index before
   * anybody has.
   */
  private readonly numbers = new IdMap<number>()
  /** How many, from the oldest on, came into it. */
  private mapped = 0
  /** Of the block with number n at n modulo the room; its place likewise. */
  private ids = new Array<string>(ROOM).fill('')
  private places = new Uint32Array(PLACE_WORDS * ROOM)
  /** Number of the oldest block. */
  private oldest = 0
  private count = 0
  /** What lies before it the index has. */
  private position: Position = { segment: 0, offset: 0 }

  /** Blocks that are remembered, those included that will be forgotten by and by. */
  get rows(): number {
    return this.count
  }

  /** Blocks come in the order in which they lie in the lane. */
  add(id: string, segment: number, offset: number, length: number): void {
    if (this.count === this.ids.length) this.grow()
    const number = this.nth(this.count)
    const slot = number % this.ids.length
    this.ids[slot] = id
    this.places[PLACE_WORDS * slot] = segment
    this.places[PLACE_WORDS * slot + 1] = offset
    this.places[PLACE_WORDS * slot + 2] = length
    this.count += 1
    this.forgetSome(FORGOTTEN_MEANWHILE)
  }

  get(id: string): Location | undefined {
    this.mapAll()
    const number = this.numbers.get(id)
    if (number === undefined) return undefined
    const slot = number % this.ids.length
    if (this.isIndexed(slot)) return undefined
    const at = PLACE_WORDS * slot
    return {
      segment: this.places[at] as number,
      offset: this.places[at + 1] as number,
      length: this.places[at + 2] as number,
    }
  }

  /** Forgets what lies before `position`: by and by, since it may be a lot. */
  indexed({ segment, offset }: Position): void {
    if (this.isBefore(segment, offset)) return
    this.position = { segment, offset }
    this.forgetSome(FORGOTTEN)
  }

  private isIndexed(slot: number): boolean {
    const segment = this.places[PLACE_WORDS * slot] as number
    const offset = this.places[PLACE_WORDS * slot + 1] as number
    return this.isBefore(segment, offset)
  }

  private isBefore(segment: number, offset: number): boolean {
    const { position } = this
    if (segment !== position.segment) return segment < position.segment
    return offset < position.offset
  }

  private forgetSome(most: number): void {
    for (let left = most; left > 0 && this.count > 0; left--) {
      const slot = this.oldest % this.ids.length
      if (!this.isIndexed(slot)) return
      if (this.mapped > 0) {
        this.forget(this.oldest)
        this.mapped -= 1
      }
      this.ids[slot] = ''
      this.oldest = this.nth(1)
      this.count -= 1
      if (this.count === 0 && this.ids.length > ROOM_KEPT) this.moveTo(ROOM)
    }
  }

  /** Forgets what lies in a segment. */
  dropSegment(segment: number): void {
    this.mapAll()
    for (let i = 0; i < this.count; i++) {
      const number = this.nth(i)
      const slot = number % this.ids.length
      if (this.places[PLACE_WORDS * slot] === segment) this.forget(number)
    }
  }

  private mapAll(): void {
    for (; this.mapped < this.count; this.mapped++) {
      const number = this.nth(this.mapped)
      this.numbers.set(this.ids[number % this.ids.length] as string, number)
    }
  }

  private nth(i: number): number {
    return (this.oldest + i) % NUMBERS
  }

  private forget(number: number): void {
    const id = this.ids[number % this.ids.length] as string
    if (this.numbers.get(id) === number) this.numbers.delete(id)
  }

  private grow(): void {
    this.moveTo(2 * this.ids.length)
  }

  private moveTo(room: number): void {
    const { ids, places } = this
    this.ids = new Array<string>(room).fill('')
    this.places = new Uint32Array(PLACE_WORDS * room)
    for (let i = 0; i < this.count; i++) {
      const number = this.nth(i)
      const from = number % ids.length
      const to = number % room
      this.ids[to] = ids[from] as string
      const place = places.subarray(PLACE_WORDS * from, PLACE_WORDS * (from + 1))
      this.places.set(place, PLACE_WORDS * to)
    }
  }
}
