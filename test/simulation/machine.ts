/** A machine: what outlives its processes, and how they end. */
import { KiB } from '../../src/platform/limits.ts'
import type { SeededRandom } from '../seeded-random.ts'
import { type End, Power } from './power.ts'
import { type DiskFaults, SimulatedDisk } from './simulated-disk.ts'
import { JournalFile } from './simulated-journal.ts'
import { StoreFile } from './simulated-store.ts'
import { VirtualClock, VirtualTime } from './virtual-time.ts'

export class Machine {
  readonly random: SeededRandom
  readonly power: Power
  readonly time: VirtualTime
  readonly clock: VirtualClock
  readonly journal: JournalFile
  readonly segments: SimulatedDisk
  /** Of the tail log. */
  readonly tail: SimulatedDisk
  readonly projections: StoreFile
  readonly index: StoreFile
  /** Small: there have to be some to collect. */
  segmentBytes = 512 * KiB
  /** Extents that are too many to be deleted at once. */
  many = Number.POSITIVE_INFINITY
  /** The index has lost blocks of which it does not know. */
  holes = false
  /** A signal that somebody listens to is never collected, and keeps its process in memory. */
  private leases: AbortController[] = []

  constructor(random: SeededRandom) {
    this.random = random
    this.power = new Power(random)
    this.time = new VirtualTime(random)
    this.clock = new VirtualClock(this.time)
    this.journal = new JournalFile(this.power)
    this.segments = new SimulatedDisk(this.power)
    this.tail = new SimulatedDisk(this.power)
    this.projections = new StoreFile('projections', this.power)
    this.index = new StoreFile('index', this.power)
  }

  set faults(faults: DiskFaults) {
    this.segments.faults = faults
    this.tail.faults = faults
  }

  /** Aborted when the present process is over. */
  lease(): AbortController {
    const lease = new AbortController()
    this.leases.push(lease)
    return lease
  }

  /** The process is over; what it leaves behind is what the next one finds. */
  end(how: End): void {
    this.power.stop(how)
    this.time.forgetAll()
    for (const lease of this.leases) lease.abort()
    this.leases = []
    if (how === 'powerCut') for (const disk of [this.segments, this.tail]) disk.cut()
  }
}
