/** All lanes: which consumer goes on which, and how many there are. */
import type { Position } from './cursor.ts'
import type { Source } from './journal-reader.ts'
import { Lane } from './lane.ts'

/** Each takes memory for what it remembers, and time for reading. */
const LANES_MAX = 8
/** A consumer gives a lane of its own up after so many batches when another waits for one. */
const TURN_BATCHES = 64

/** A consumer as its lane knows it. */
export interface Ride {
  lane: Lane | undefined
  /** Batches since it got the lane. */
  taken: number
}

export class Lanes {
  private readonly source: Source
  private readonly onRoom: () => void
  private readonly lanes = new Set<Lane>()
  private readonly waiting = new Set<Ride>()

  /** `onRoom`: who got no lane should try again. */
  constructor(source: Source, onRoom: () => void) {
    this.source = source
    this.onRoom = onRoom
  }

  /**
   * A lane that goes on from there: the one that is furthest, so that lanes become one in the end.
   * undefined: there are too many, try again when there is room.
   */
  board(ride: Ride, position: Position): Lane | undefined {
    const furthest = this.furthest(position)
    if (furthest !== undefined && furthest === ride.lane && this.mustYield(ride, furthest)) {
      this.leave(ride)
      this.waiting.add(ride)
      return undefined
    }
    if (furthest !== undefined) return this.change(ride, furthest)
    this.leave(ride)
    if (this.lanes.size >= LANES_MAX) {
      this.waiting.add(ride)
      return undefined
    }
    const lane = new Lane(this.source, position)
    this.lanes.add(lane)
    return this.change(ride, lane)
  }

  private furthest(position: Position): Lane | undefined {
    let best: Lane | undefined
    for (const lane of this.lanes) {
      if (lane.covers(position) && (best === undefined || lane.isAhead(best))) best = lane
    }
    return best
  }

  private mustYield(ride: Ride, lane: Lane): boolean {
    ride.taken += 1
    if (ride.taken < TURN_BATCHES || lane.riders > 1 || this.waiting.size === 0) return false
    // Whoever is in front keeps up with the journal: that is one that all will come to.
    return [...this.lanes].some((other) => other.isAhead(lane))
  }

  private change(ride: Ride, lane: Lane): Lane {
    this.waiting.delete(ride)
    if (ride.lane === lane) return lane
    lane.riders += 1
    this.leave(ride)
    ride.lane = lane
    ride.taken = 0
    return lane
  }

  leave(ride: Ride): void {
    this.waiting.delete(ride)
    const { lane } = ride
    if (lane === undefined) return
    ride.lane = undefined
    lane.riders -= 1
    if (lane.riders > 0) return
    this.lanes.delete(lane)
    if (this.waiting.size > 0) this.onRoom()
  }
}
