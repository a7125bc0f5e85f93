/**
 * One number for a whole state: the sum of a hash of every row, so it does not depend on the order
 * of changes and is kept up to date by adding what comes and subtracting what goes. Two sums of 32
 * bits each. It detects mistakes, not forgery; the journal's hash chain does that.
 */
export class Digest {
  a = 0
  b = 0

  add(hash: RowHash): void {
    this.a = (this.a + hash.a) >>> 0
    this.b = (this.b + hash.b) >>> 0
  }

  subtract(hash: RowHash): void {
    this.a = (this.a - hash.a) >>> 0
    this.b = (this.b - hash.b) >>> 0
  }

  copy(): Digest {
    const copy = new Digest()
    copy.add(this)
    return copy
  }

  toString(): string {
    return hex(this.a) + hex(this.b)
  }
}

export interface RowHash {
  a: number
  b: number
}

const hex = (n: number): string => n.toString(16).padStart(8, '0')

/** Feeds bytes into `hash`: two multiply-xor-rotate lanes, finalised by `finish`. */
function feed(hash: RowHash, bytes: Uint8Array, length: number): void {
  let { a, b } = hash
  let i = 0
  for (; i + 4 <= length; i += 4) {
    const word =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24)
    a = Math.imul(a ^ word, 0x9e3779b1)
    a = (a << 13) | (a >>> 19)
    b = Math.imul(b ^ word, 0x85ebca77)
    b = (b << 17) | (b >>> 15)
  }
  let rest = length
  for (; i < length; i++) rest = (rest << 8) ^ (bytes[i] as number)
  hash.a = Math.imul(a ^ rest, 0x9e3779b1)
  hash.b = Math.imul(b ^ rest, 0x85ebca77)
}

function finish(h: number): number {
  let x = h
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

const scratch: RowHash = { a: 0, b: 0 }

/** The hash of one row. The result is valid until the next call. */
export function hashRow(table: number, key: Uint8Array, value: Uint8Array): RowHash {
  scratch.a = table
  scratch.b = ~table
  feed(scratch, key, key.length)
  feed(scratch, value, value.length)
  scratch.a = finish(scratch.a)
  scratch.b = finish(scratch.b)
  return scratch
}
