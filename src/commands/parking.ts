/**
 * Commands that wait for something to happen. They are decided anew, oldest first, when their key
 * is woken, and may well park again. Bounded: who finds the lot full is told to come again later.
 */
import type { Principal } from '../auth/principal.ts'
import type { Origin } from '../journal/record.ts'
import type { Command } from './deciders.ts'
import type { Decision } from './stream.ts'

const PARKED_MAX = 4096

export interface Ticket {
  readonly command: Command
  readonly origin: Origin
  readonly principal: Principal
  /** Whether it may be decided now; otherwise whoever sent it is to send it again. */
  readonly ready: () => boolean
  /** Called once: with the decision, or with undefined when there is none. */
  readonly decided: (decision: Decision | undefined) => void
}

interface Waiting {
  readonly ticket: Ticket
  wake: string
}

type Submit = (command: Command, origin: Origin, principal: Principal) => Decision | string

export class ParkingLot {
  private readonly submit: Submit
  private readonly places = new Map<string, Set<Waiting>>()
  private count = 0
  private closed = false

  constructor(submit: Submit) {
    this.submit = submit
  }

  get size(): number {
    return this.count
  }

  /** Returns how to give up waiting, or undefined when there is no room. */
  wait(wake: string, ticket: Ticket): (() => void) | undefined {
    if (this.closed || this.count >= PARKED_MAX) return undefined
    const waiting = { wake, ticket }
    this.add(waiting)
    return () => this.remove(waiting)
  }

  private add(waiting: Waiting): void {
    let place = this.places.get(waiting.wake)
    if (place === undefined) {
      place = new Set()
      this.places.set(waiting.wake, place)
    }
    place.add(waiting)
    this.count += 1
  }

  private remove(waiting: Waiting): boolean {
    const place = this.places.get(waiting.wake)
    if (!place?.delete(waiting)) return false
    if (place.size === 0) this.places.delete(waiting.wake)
    this.count -= 1
    return true
  }

  wake(wake: string): void {
    for (const waiting of [...(this.places.get(wake) ?? [])]) {
      if (!this.remove(waiting)) continue
      const { command, origin, principal, ready, decided } = waiting.ticket
      if (!ready()) {
        decided(undefined)
        continue
      }
      const decision = this.submit(command, origin, principal)
      if (typeof decision === 'string') {
        waiting.wake = decision
        this.add(waiting)
      } else {
        decided(decision)
      }
    }
  }

  close(): void {
    this.closed = true
    const all = [...this.places.values()].flatMap((place) => [...place])
    this.places.clear()
    this.count = 0
    for (const { ticket } of all) ticket.decided(undefined)
  }
}
