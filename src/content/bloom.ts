/**
 * A set of block ids that may hold more than it was given, never less, in memory that does not
 * grow. Lies in memory that threads share: each may add while another does.
 */
const HASHES = 4

export class Bloom {
  readonly memory: SharedArrayBuffer
  private readonly words: Int32Array
  private readonly bits: number

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.words = new Int32Array(memory)
    this.bits = this.words.length * 32
  }

  static ofBytes(bytes: number): Bloom {
    return new Bloom(new SharedArrayBuffer(bytes))
  }

  /** Ids are SHA-256 sums: any four of their bytes are as good as a hash. */
  private bit(id: string, n: number): number {
    const at = 4 * n
    const hash =
      ((id.charCodeAt(at) << 24) |
        (id.charCodeAt(at + 1) << 16) |
        (id.charCodeAt(at + 2) << 8) |
        id.charCodeAt(at + 3)) >>>
      0
    return hash % this.bits
  }

  add(id: string): void {
    for (let n = 0; n < HASHES; n++) {
      const bit = this.bit(id, n)
      Atomics.or(this.words, bit >>> 5, 1 << (bit & 31))
    }
  }

  has(id: string): boolean {
    for (let n = 0; n < HASHES; n++) {
      const bit = this.bit(id, n)
      if (((this.words[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return false
    }
    return true
  }

  clear(): void {
    this.words.fill(0)
  }
}
