import { setFlagsFromString } from 'node:v8'

/**
 * How much a heap may grow between two collections, as a part of what is in use: V8's own choice
 * is up to three times as much again, which in a server that keeps hundreds of megabytes of rows
 * is memory that others could use. Percent.
 */
const GROWING = 50

/** Holds for all threads. To be called before they are started. */
export function boundHeapGrowth(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWING}`)
}
