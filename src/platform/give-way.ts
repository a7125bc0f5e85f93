/**
 * A low priority alone does not let others go first: a scheduler lets whoever runs go on for a few
 * milliseconds before it looks who has come, and a reply takes less. So a thread that nobody waits
 * for stops now and then of its own accord.
 */
const RUN_MILLIS = 0.5
/** Asked for; timers of the system add some fifty microseconds. */
const PAUSE_MILLIS = 0.01

const bed = new Int32Array(new SharedArrayBuffer(4))
let polite = false
let began = 0

/** From now on this thread stops where it calls `giveWay`. */
export function beginToGiveWay(): void {
  if (!polite) began = performance.now()
  polite = true
}

/** It has too much to do for that. */
export function stopGivingWay(): void {
  polite = false
}

/** Called every few microseconds of work that takes long, in any thread. */
export function giveWay(): void {
  if (!polite || performance.now() - began < RUN_MILLIS) return
  Atomics.wait(bed, 0, 0, PAUSE_MILLIS)
  began = performance.now()
}
