import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { MiB } from './limits.ts'

/**
 * How much a heap may grow between two collections, as a part of what is in use: V8's own choice
 * is up to three times as much again, which in a server that keeps hundreds of megabytes of rows
 * is memory that others could use. Where there is little in use, that much more costs little, and
 * to collect it often would cost those who wait. Percent; docs/decisions/heaps.md.
 */
const GROWING = { small: 150, large: 50 }
/** Of the main thread's heap, what is no longer in use included. */
const LARGE = 128 * MiB
const LOOK_MILLIS = 1000

/** Holds for all threads. To be called before they are started. */
export function boundHeapGrowth(): void {
  let percent = 0
  const look = (): void => {
    const wanted = getHeapStatistics().used_heap_size > LARGE ? GROWING.large : GROWING.small
    if (wanted === percent) return
    percent = wanted
    setFlagsFromString(`--heap-growing-percent=${percent}`)
  }
  look()
  setInterval(look, LOOK_MILLIS).unref()
}
