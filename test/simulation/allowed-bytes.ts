/**
 * What a file may hold behind a crash. Readers see every write at once; what was acknowledged as
 * durable must be there, and each write that was not may be there or not, byte by byte, since what
 * is staged reaches the disk in parts. A byte may be what the last acknowledged change of it left,
 * or what any change since would have.
 */
import assert from 'node:assert/strict'
import { BLOCK_MAX } from '../../src/platform/limits.ts'
import { GrowingBytes } from './growing-bytes.ts'

export interface Written {
  readonly kind: 'written'
  readonly offset: number
  readonly bytes: Buffer
  durable: boolean
}

interface Resized {
  readonly kind: 'resized'
  readonly size: number
  durable: boolean
}

export type Change = Written | Resized

/** More would make checks slow; the oldest then count as one state that nothing is known of. */
const SIZES_MAX = 10_000

export class AllowedBytes {
  /** As it was when all of it was known to be durable. */
  private readonly base: GrowingBytes
  private readonly changes: Change[] = []
  /** What readers see. */
  private readonly current: GrowingBytes

  constructor(base: Buffer = Buffer.alloc(0)) {
    this.base = new GrowingBytes(base)
    this.current = new GrowingBytes(base)
  }

  get size(): number {
    return this.current.size
  }

  /** A copy of what readers see from `from` to `to`, or to the end. */
  now(from = 0, to = this.size): Buffer {
    return Buffer.from(this.current.bytes.subarray(from, to))
  }

  write(offset: number, bytes: Buffer): Change {
    this.current.write(offset, bytes)
    return this.add({ kind: 'written', offset, bytes: Buffer.from(bytes), durable: false })
  }

  resize(size: number): Change {
    this.current.resize(size)
    return this.add({ kind: 'resized', size, durable: false })
  }

  private add(change: Change): Change {
    this.changes.push(change)
    return change
  }

  acknowledge(change: Change): void {
    change.durable = true
    this.settle()
  }

  /** Everything until now; to be acknowledged when it is durable. */
  until(): () => void {
    const changes = [...this.changes]
    return () => {
      for (const change of changes) change.durable = true
      this.settle()
    }
  }

  private settle(): void {
    for (;;) {
      const [first] = this.changes
      if (first?.durable !== true) return
      this.changes.shift()
      if (first.kind === 'written') this.base.write(first.offset, first.bytes)
      else this.base.resize(first.size)
    }
  }

  /** What was written and never acknowledged: clients send it again. */
  unacknowledged(): readonly Written[] {
    return this.changes.filter(
      (change) => change.kind === 'written' && !change.durable,
    ) as Written[]
  }

  /** Whether a file that was recovered may look like this. Throws otherwise. */
  check(found: Buffer): void {
    // What is most likely, and cheap to compare.
    if (found.equals(this.current.bytes)) return
    const sizes = this.sizes()
    assert.ok(
      sizes.has(found.length),
      `${found.length} bytes, and not ${[...sizes].slice(0, 20).join(' or ')}`,
    )
    const undecided = new Uint8Array(found.length).fill(1)
    for (const change of this.changes.toReversed()) decide(change, found, undecided)
    const base = this.base.bytes
    for (let at = 0; at < found.length; at++) {
      const expected = at < base.length ? base[at] : 0
      if (undecided[at] === 0 || found[at] === expected) continue
      assert.fail(`byte ${at} of ${found.length} is what nobody wrote there`)
    }
  }

  private sizes(): Set<number> {
    let sizes = new Set([this.base.size])
    for (const change of this.changes) {
      const after = new Set(change.durable ? [] : sizes)
      for (const size of sizes) for (const end of endsOf(change, size)) after.add(end)
      sizes = after
      assert.ok(sizes.size < SIZES_MAX, 'too many sizes to tell')
    }
    return sizes
  }
}

/** Where a file ends once a change, or a part of it, has happened. */
function* endsOf(change: Change, size: number): Iterable<number> {
  if (change.kind === 'resized') {
    yield change.size
    return
  }
  const end = change.offset + change.bytes.length
  yield Math.max(size, end)
  if (change.durable) return
  const first = (Math.floor(change.offset / BLOCK_MAX) + 1) * BLOCK_MAX
  for (let part = first; part < end; part += BLOCK_MAX) yield Math.max(size, part)
}

/** Bytes that are what a change left are decided; of what it covers for sure, all must be. */
function decide(change: Change, found: Buffer, undecided: Uint8Array): void {
  const [from, to] =
    change.kind === 'written'
      ? [change.offset, Math.min(found.length, change.offset + change.bytes.length)]
      : [change.size, found.length]
  for (let at = from; at < to; at++) {
    if (undecided[at] === 0) continue
    const value = change.kind === 'written' ? change.bytes[at - change.offset] : 0
    if (found[at] === value) undecided[at] = 0
    else if (change.durable) {
      assert.fail(`byte ${at} of ${found.length} is not what was acknowledged`)
    }
  }
}
