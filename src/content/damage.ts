/** Bytes that cannot be had: their block is missing or is not what was written. */
export class DamageError extends Error {
  override readonly name = 'DamageError'
  /** Hexadecimal SHA-256. */
  readonly block: string

  constructor(id: string, what: string) {
    const block = Buffer.from(id, 'latin1').toString('hex')
    super(`block ${block}: ${what}`)
    this.block = block
  }
}
