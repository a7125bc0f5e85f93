import { isFull } from '../platform/disk-full.ts'

/** How long to leave a full disk alone. */
const WAIT_MILLIS = 100

/**
 * Tries until the disk takes it: a full disk makes whoever caused something wait, and nobody else.
 * `attempt` must leave nothing behind when it fails for want of room; other errors go through.
 */
export async function untilRoom<T>(attempt: () => Promise<T>, onFull: () => void): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isFull(error)) throw error
      onFull()
      await new Promise((resolve) => setTimeout(resolve, WAIT_MILLIS))
    }
  }
}
