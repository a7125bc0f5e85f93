import { setPriority } from 'node:os'

/**
 * Lets others go first, where the system allows it: a sandbox may refuse, and all goes on without.
 * `id`: of a process, or on Linux of a thread; 0: this process. `nice`: 19 is the lowest priority.
 */
export function lowerPriority(id: number, nice: number): void {
  try {
    setPriority(id, nice)
  } catch {
    // What comes of it is that others wait a little longer.
  }
}
