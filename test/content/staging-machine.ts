/** Staged files and, beside them, what each of their bytes should be. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Pieces } from '../../src/content/pieces.ts'
import { Staging } from '../../src/content/staging.ts'
import { BLOCK_MAX } from '../../src/platform/limits.ts'

/** Cells: one for each byte around the end of the first block, and one for all before them. */
const BASE = BLOCK_MAX - 40
const CELLS = 100
const FILES = 3
const SHARES = 2

type Cells = (number | undefined)[]
const none = (): Cells => new Array(CELLS + 1).fill(undefined)
const REST = CELLS
/** Those of the first block. */
const FIRST = [...Array.from({ length: BLOCK_MAX - BASE }, (_, i) => i), REST]

const isFull = (cells: Cells): boolean => FIRST.every((cell) => cells[cell] !== undefined)

const countOf = (cells: Cells): number =>
  cells.reduce<number>((sum, n, i) => sum + (n === undefined ? 0 : i === REST ? BASE : 1), 0)

/** Cells of `over` where there are some, those of `under` elsewhere. */
const over = (under: Cells, upper: Cells): Cells => upper.map((n, i) => n ?? under[i])

const file = fc.nat(FILES - 1)
const range = { file, at: fc.nat(CELLS - 1), length: fc.integer({ min: 1, max: 40 }) }
const kind = <K extends string>(name: K) => fc.constant(name)

export const stagingStep = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: kind('write'), ...range }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('fill'), file }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('discard'), ...range }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('truncate'), file, at: fc.nat(CELLS) }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('seal'), file, fullOnly: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('sealed'), file }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('failed'), file }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('drop'), file }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('hold') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('release') }) },
)
type StagingStep = typeof stagingStep extends fc.Arbitrary<infer S> ? S : never
type FileStep = Exclude<StagingStep, { readonly kind: 'hold' | 'release' }>

const AT = { sec: 1, nsec: 0 }
const ORIGIN = { op: 0, client: 1, uid: 0, gid: 0, xid: 0, checksum: 0 }

interface Model {
  fresh: Cells
  sealing: Cells | undefined
  /** What the seal works on. */
  pieces: Pieces | undefined
}

export class StagingMachine {
  private readonly staging = new Staging()
  private readonly models: Model[] = Array.from({ length: FILES }, () => ({
    fresh: none(),
    sealing: undefined,
    pieces: undefined,
  }))
  private readonly holds: (() => void)[] = []
  private writes = 0

  take(step: StagingStep): void {
    if (step.kind === 'hold') this.holds.push(this.staging.hold())
    else if (step.kind === 'release') this.holds.shift()?.()
    else if (step.kind === 'write' || step.kind === 'fill') this.write(step)
    else if (step.kind === 'discard' || step.kind === 'truncate') this.cut(step)
    else this.seal(step)
    this.check()
  }

  private write(step: Extract<FileStep, { readonly kind: 'write' | 'fill' }>): void {
    const { fresh } = this.models[step.file] as Model
    const n = (this.writes++ % 251) + 1
    const [share, id] = [step.file % SHARES, step.file]
    if (step.kind === 'fill') {
      this.staging.write(id, share, id, 0, Buffer.alloc(BLOCK_MAX, n), AT, 0, ORIGIN)
      for (const cell of FIRST) fresh[cell] = n
    } else {
      const length = Math.min(step.length, CELLS - step.at)
      const bytes = Buffer.alloc(length, n)
      this.staging.write(id, share, id, BASE + step.at, bytes, AT, 0, ORIGIN)
      fresh.fill(n, step.at, step.at + length)
    }
  }

  private cut(step: Extract<FileStep, { readonly kind: 'discard' | 'truncate' }>): void {
    const { fresh } = this.models[step.file] as Model
    if (step.kind === 'truncate') {
      this.staging.truncate(step.file, BASE + step.at)
      fresh.fill(undefined, step.at, CELLS)
    } else {
      const end = Math.min(CELLS, step.at + step.length)
      this.staging.discard(step.file, BASE + step.at, BASE + end)
      fresh.fill(undefined, step.at, end)
    }
  }

  private seal(
    step: Exclude<FileStep, { readonly kind: 'write' | 'fill' | 'discard' | 'truncate' }>,
  ) {
    const model = this.models[step.file] as Model
    const staged = this.staging.find(step.file)
    if (step.kind === 'drop') {
      this.staging.drop(step.file)
      model.fresh = none()
    } else if (staged === undefined) return
    else if (step.kind === 'seal') {
      if (model.sealing !== undefined) return
      const full = isFull(model.fresh)
      model.pieces = this.staging.beginSeal(staged, step.fullOnly)
      const taken = model.fresh.map((n, i) => {
        return !step.fullOnly || (full && FIRST.includes(i)) ? n : undefined
      })
      model.fresh = model.fresh.map((n, i) => (taken[i] === undefined ? n : undefined))
      model.sealing = taken
    } else if (model.sealing !== undefined) {
      if (step.kind === 'sealed') this.staging.endSeal(step.file, staged)
      else {
        this.staging.undoSeal(staged)
        model.fresh = over(model.sealing, model.fresh)
      }
      model.sealing = undefined
      model.pieces = undefined
    }
  }

  private check(): void {
    const { staging, models } = this
    const bytes = models.map(({ fresh, sealing }) => countOf(fresh) + countOf(sealing ?? none()))
    const sum = (some: readonly number[]) => some.reduce((a, b) => a + b, 0)
    assert.equal(staging.bytes, sum(bytes))
    for (let share = 0; share < SHARES; share++) {
      assert.equal(staging.bytesOf(share), sum(bytes.filter((_, id) => id % SHARES === share)))
    }
    for (const [id, { fresh, sealing, pieces }] of models.entries()) {
      const staged = staging.find(id)
      if (staged === undefined) assert.equal(bytes[id], 0)
      else {
        assert.deepEqual(seen(staged), over(sealing ?? none(), fresh))
        assert.equal(staged.fresh.full, isFull(fresh) ? 1 : 0)
      }
      // What is sealed stays as it is, whatever is done to the file and its memory meanwhile.
      if (pieces === undefined || sealing === undefined) continue
      assert.deepEqual(seen(pieces), sealing)
      assert.equal(pieces.full, isFull(sealing) ? 1 : 0)
    }
  }

  /** All memory comes back, and nothing else. */
  end(): void {
    for (let file = 0; file < FILES; file++) {
      for (const kind of ['sealed', 'drop'] as const) this.take({ kind, file })
    }
    while (this.holds.length > 0) this.take({ kind: 'release' })
    const { bytes, size, memory } = this.staging
    assert.deepEqual([bytes, size, memory], [0, 0, 0])
  }
}

function seen(of: Pick<Pieces, 'overlay' | 'overlaps'>): Cells {
  const image = Buffer.alloc(CELLS)
  of.overlay(BASE, image)
  const rest = Buffer.alloc(1)
  of.overlay(BASE - 1, rest)
  return [...image, ...rest].map((n) => (n === 0 ? undefined : n))
}
