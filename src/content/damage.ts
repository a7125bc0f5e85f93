import type { FoundBlock } from './segment.ts'

/** Bytes that cannot be had: their block is missing or is not what was written. */
export class DamageError extends Error {
  override readonly name = 'DamageError'
  /** Hexadecimal SHA-256. */
  readonly block: string
  /** Where it was looked for, if it is somewhere. */
  readonly place: FoundBlock | undefined

  constructor(id: string, what: string, place?: FoundBlock) {
    const block = Buffer.from(id, 'latin1').toString('hex')
    super(`block ${block}: ${what}`)
    this.block = block
    this.place = place
  }
}

/** The index does not have the block. */
export class MissingError extends DamageError {
  constructor(id: string) {
    super(id, 'is in no segment')
  }
}
