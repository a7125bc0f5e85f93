/** Random choices that can be made again: the seed decides them all. */

/** `DFS_SEED`, or a new one. A test that uses it says in its failures what it was. */
export function seedFromEnvironment(): number {
  const given = process.env['DFS_SEED']
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
}

export class SeededRandom {
  readonly seed: number
  private state: number

  constructor(seed: number) {
    this.seed = seed
    this.state = seed >>> 0
  }

  /** 32 bits (mulberry32). */
  word(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let z = this.state
    z = Math.imul(z ^ (z >>> 15), z | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return (z ^ (z >>> 14)) >>> 0
  }

  /** 0 <= n < bound; bounds up to 2^53. */
  below(bound: number): number {
    if (bound <= 2 ** 32) return Math.floor((this.word() / 2 ** 32) * bound)
    return Math.floor(((this.word() % 2 ** 21) * 2 ** 32 + this.word()) % bound)
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  chance(probability: number): boolean {
    return this.word() < probability * 2 ** 32
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new RangeError('nothing to choose from')
    return from[this.below(from.length)] as T
  }

  /** One of the keys, each as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][]
    let left = this.below(entries.reduce((sum, [, weight]) => sum + weight, 0))
    for (const [key, weight] of entries) {
      left -= weight
      if (left < 0) return key
    }
    throw new RangeError('no weights')
  }

  bytes(length: number): Buffer {
    const words = new Uint32Array(Math.ceil(length / 4))
    for (let i = 0; i < words.length; i++) words[i] = this.word()
    return Buffer.from(words.buffer, 0, length)
  }
}
