const STEPS_PER_OCTAVE = 64
const SIZE = 26 * STEPS_PER_OCTAVE
/** Tenths of a microsecond per millisecond: the unit that values are kept in. */
const UNITS_PER_MS = 10_000
const LARGEST = 2 ** 31 - 1

/**
 * Latencies in buckets that grow with the value, as HDR histograms have them: exact below 12.8 µs,
 * within 1.6 % above, up to 214 s. Recording allocates nothing.
 */
export class LatencyHistogram {
  private readonly counts = new Uint32Array(SIZE)
  count = 0
  private largestMs = 0

  record(ms: number): void {
    const value = ms < 0 ? 0 : Math.min(LARGEST, ms * UNITS_PER_MS) | 0
    const index = bucketOf(value)
    this.counts[index] = (this.counts[index] ?? 0) + 1
    this.count += 1
    if (ms > this.largestMs) this.largestMs = ms
  }

  /** The latency in milliseconds that the fraction `q` of all calls did not exceed. */
  quantile(q: number): number {
    const rank = Math.max(1, Math.ceil(q * this.count))
    let seen = 0
    for (let index = 0; index < SIZE; index++) {
      seen += this.counts[index] ?? 0
      if (seen >= rank) return Math.min(this.largestMs, topOf(index) / UNITS_PER_MS)
    }
    return 0
  }

  get max(): number {
    return this.largestMs
  }
}

function bucketOf(value: number): number {
  if (value < 2 * STEPS_PER_OCTAVE) return value
  const shift = 25 - Math.clz32(value)
  return shift * STEPS_PER_OCTAVE + (value >>> shift)
}

/** The largest value that falls into a bucket. */
function topOf(index: number): number {
  if (index < 2 * STEPS_PER_OCTAVE) return index
  const shift = Math.floor(index / STEPS_PER_OCTAVE) - 1
  return (index - shift * STEPS_PER_OCTAVE + 1) * 2 ** shift - 1
}
