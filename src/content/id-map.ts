/**
 * A map whose keys are ids of blocks: SHA-256 as strings of 32 characters (latin1). V8's own makes
 * every key that it looks for a unique string first, which is a copy in the old part of the heap:
 * for what comes once, as most blocks do, that costs more than all the rest.
 */
import { randomInt } from 'node:crypto'

/** Not known to clients: who could make ids meet in one place would make looking slow. */
const A = randomInt(2 ** 31) * 2 + 1
const B = randomInt(2 ** 31) * 2 + 1

/** Powers of two. */
const BITS_AT_FIRST = 6

export class IdMap<V> {
  private bits = BITS_AT_FIRST
  /** Of each hash the first entry with it, plus 1; 0 when there is none. */
  private heads = new Uint32Array(2 ** BITS_AT_FIRST)
  /** Of each entry the next one with its hash, or the next free one, plus 1. */
  private nexts = new Uint32Array(2 ** BITS_AT_FIRST)
  private readonly ids: string[] = []
  private readonly values: (V | undefined)[] = []
  /** The first entry that was used before and is free, plus 1. */
  private free = 0
  private count = 0

  get size(): number {
    return this.count
  }

  get(id: string): V | undefined {
    const at = this.find(id, this.hash(id))
    return at < 0 ? undefined : this.values[at]
  }

  has(id: string): boolean {
    return this.find(id, this.hash(id)) >= 0
  }

  private find(id: string, hash: number): number {
    const { ids, nexts } = this
    for (let at = this.heads[hash] as number; at !== 0; at = nexts[at - 1] as number) {
      if (ids[at - 1] === id) return at - 1
    }
    return -1
  }

  private hash(id: string): number {
    const a =
      id.charCodeAt(0) |
      (id.charCodeAt(1) << 8) |
      (id.charCodeAt(2) << 16) |
      (id.charCodeAt(3) << 24)
    const b =
      id.charCodeAt(4) |
      (id.charCodeAt(5) << 8) |
      (id.charCodeAt(6) << 16) |
      (id.charCodeAt(7) << 24)
    return (Math.imul(a, A) + Math.imul(b, B)) >>> (32 - this.bits)
  }

  set(id: string, value: V): void {
    let hash = this.hash(id)
    const known = this.find(id, hash)
    if (known >= 0) {
      this.values[known] = value
      return
    }
    if (this.count === this.heads.length) {
      this.grow()
      hash = this.hash(id)
    }
    const at = this.take()
    this.ids[at] = id
    this.values[at] = value
    this.nexts[at] = this.heads[hash] as number
    this.heads[hash] = at + 1
    this.count += 1
  }

  private take(): number {
    if (this.free === 0) return this.ids.length
    const at = this.free - 1
    this.free = this.nexts[at] as number
    return at
  }

  private grow(): void {
    this.bits += 1
    this.heads = new Uint32Array(2 ** this.bits)
    this.nexts = new Uint32Array(2 ** this.bits)
    // All entries are in use.
    for (let at = 0; at < this.ids.length; at++) {
      const hash = this.hash(this.ids[at] as string)
      this.nexts[at] = this.heads[hash] as number
      this.heads[hash] = at + 1
    }
  }

  delete(id: string): boolean {
    const hash = this.hash(id)
    let before = 0
    for (let at = this.heads[hash] as number; at !== 0; at = this.nexts[at - 1] as number) {
      if (this.ids[at - 1] !== id) {
        before = at
        continue
      }
      const next = this.nexts[at - 1] as number
      if (before === 0) this.heads[hash] = next
      else this.nexts[before - 1] = next
      this.release(at - 1)
      return true
    }
    return false
  }

  private release(at: number): void {
    this.ids[at] = ''
    this.values[at] = undefined
    this.nexts[at] = this.free
    this.free = at + 1
    this.count -= 1
  }

  /** What is deleted meanwhile may be among them, what is added may not. */
  *entries(): Iterable<[id: string, value: V]> {
    for (let at = 0; at < this.ids.length; at++) {
      const value = this.values[at]
      if (value !== undefined) yield [this.ids[at] as string, value]
    }
  }
}
