/**
 * A disk that keeps apart what was not synced. A power cut leaves of it any subset of sectors, each
 * as it was or as any write since the last sync left it; names that were removed may be back. When
 * a sync fails, what it did not write counts as clean from then on, as Linux has it: the system
 * shows it to readers, and the disk never gets it.
 */
import type { Disk, DiskFile } from '../../src/content/disk.ts'
import { GrowingBytes } from './growing-bytes.ts'
import { DeadError, type Power } from './power.ts'

const SECTOR = 512

/** How often things go wrong that are no crash: probabilities for each call. */
export interface DiskFaults {
  readonly write: number
  readonly sync: number
}

interface Write {
  readonly at: number
  readonly bytes: Buffer
}

class Platter {
  /** As readers see it. */
  readonly seen = new GrowingBytes()
  /** As the disk has it. */
  readonly stable = new GrowingBytes()
  /** Since the last sync, in order. */
  private unsynced: Write[] = []
  /** How many writes came before those. */
  private settled = 0
  private sizes: number[] = []

  write(bytes: Buffer, at: number): void {
    const before = this.seen.size
    this.seen.write(at, bytes)
    this.unsynced.push({ at, bytes: Buffer.from(bytes) })
    if (this.seen.size !== before) this.sizes.push(this.seen.size)
  }

  /** Durable when it returns, with all that was written before. */
  truncate(size: number): void {
    this.seen.resize(size)
    this.sync()
  }

  sync(): void {
    this.syncUpTo(...this.moment)
  }

  /** What was written up to some moment is on the disk; what came later need not be. */
  syncUpTo(writes: number, size: number): void {
    const count = writes - this.settled
    // A later sync may have been quicker.
    if (count < 0) return
    for (const { at, bytes } of this.unsynced.splice(0, count)) this.stable.write(at, bytes)
    this.settled = writes
    this.stable.resize(size)
    this.sizes = this.sizes.filter((later) => later > size)
  }

  /** Up to where everything is written now. */
  get moment(): readonly [writes: number, size: number] {
    return [this.settled + this.unsynced.length, this.seen.size]
  }

  /** What is not synced counts as if it were. */
  forget(): void {
    this.settled += this.unsynced.length
    this.unsynced = []
    this.sizes = []
  }

  /** Of each sector that was written since the last sync, some of the writes reach the disk. */
  settle(random: Power['random']): void {
    const touched = new Map<number, number>()
    for (const write of this.unsynced) {
      for (const [sector] of sectorsOf(write)) touched.set(sector, (touched.get(sector) ?? 0) + 1)
    }
    for (const [sector, times] of touched) touched.set(sector, random.below(times + 1))
    const size = random.pick([this.stable.size, ...this.sizes])
    for (const write of this.unsynced) {
      for (const [sector, piece] of sectorsOf(write)) {
        const left = touched.get(sector) ?? 0
        if (left === 0) continue
        touched.set(sector, left - 1)
        this.stable.write(piece.at, piece.bytes)
      }
    }
    this.stable.resize(size)
  }

  cut(random: Power['random']): void {
    this.settle(random)
    this.forget()
    this.seen.become(this.stable.bytes)
  }
}

/** The parts of a write by the sector that they lie in. */
function* sectorsOf({ at, bytes }: Write): Iterable<[sector: number, piece: Write]> {
  for (let done = 0; done < bytes.length; ) {
    const sector = Math.floor((at + done) / SECTOR)
    const end = Math.min(bytes.length, (sector + 1) * SECTOR - at)
    yield [sector, { at: at + done, bytes: bytes.subarray(done, end) }]
    done = end
  }
}

class FullError extends Error {
  readonly code = 'ENOSPC'
}

class MediumError extends Error {
  readonly code = 'EIO'
}

class SimulatedFile implements DiskFile {
  private readonly platter: Platter
  private readonly disk: SimulatedDisk
  private readonly life: number

  constructor(platter: Platter, disk: SimulatedDisk) {
    this.platter = platter
    this.disk = disk
    this.life = disk.power.life
  }

  write(buffers: readonly Buffer[], at: number): void {
    const { power, faults } = this.disk
    const bytes = Buffer.concat(buffers)
    if (power.step(this.life, 'segment write')) {
      this.platter.write(bytes.subarray(0, power.random.below(bytes.length + 1)), at)
      throw new DeadError('segment write')
    }
    if (power.random.chance(faults.write)) {
      const some = power.random.below(bytes.length)
      if (some > 0) this.platter.write(bytes.subarray(0, some), at)
      throw new FullError('no space left on the simulated disk')
    }
    if (bytes.length > 0) this.platter.write(bytes, at)
  }

  async writeLater(buffers: readonly Buffer[], at: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.disk.power.random.below(4)))
    this.write(buffers, at)
  }

  sync(): void {
    this.finishSync(...this.platter.moment)
  }

  async syncLater(): Promise<void> {
    const [writes, size] = this.platter.moment
    await new Promise((resolve) => setTimeout(resolve, this.disk.power.random.below(4)))
    this.finishSync(writes, size)
  }

  private finishSync(writes: number, size: number): void {
    const { power, faults } = this.disk
    if (power.step(this.life, 'segment sync')) {
      if (power.random.chance(0.5)) this.platter.settle(power.random)
      throw new DeadError('segment sync')
    }
    if (power.random.chance(faults.sync)) {
      this.platter.settle(power.random)
      this.platter.forget()
      throw new MediumError('the simulated disk has failed')
    }
    this.platter.syncUpTo(writes, size)
  }

  read(into: Buffer, at: number): number {
    this.disk.power.check(this.life, 'segment read')
    const { bytes } = this.platter.seen
    return at >= bytes.length
      ? 0
      : bytes.copy(into, 0, at, Math.min(bytes.length, at + into.length))
  }

  async readLater(into: Buffer, at: number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, this.disk.power.random.below(3)))
    return this.read(into, at)
  }

  size(): number {
    this.disk.power.check(this.life, 'segment size')
    return this.platter.seen.size
  }

  /** Durable when it returns. */
  truncate(size: number): void {
    const { power } = this.disk
    if (power.step(this.life, 'segment truncate')) {
      if (power.random.chance(0.5)) this.platter.truncate(size)
      throw new DeadError('segment truncate')
    }
    this.platter.truncate(size)
  }

  close(): void {}
}

export class SimulatedDisk implements Disk {
  readonly power: Power
  faults: DiskFaults = { write: 0, sync: 0 }
  private readonly files = new Map<string, Platter>()
  /** Files whose name is gone, which a power cut may bring back. */
  private readonly removed = new Map<string, Platter>()
  /** Files whose name a power cut may take. */
  private readonly unnamed = new Set<string>()

  constructor(power: Power) {
    this.power = power
  }

  create(name: string): DiskFile {
    const cut = this.power.step(this.power.life, 'segment create')
    if (this.files.has(name)) throw new Error(`${name} is there already`)
    const platter = new Platter()
    this.files.set(name, platter)
    this.unnamed.add(name)
    if (cut) throw new DeadError('segment create')
    if (this.power.random.chance(this.faults.write)) throw new FullError('no room for a name')
    this.syncNames()
    return new SimulatedFile(platter, this)
  }

  open(name: string): DiskFile {
    this.power.check(this.power.life, 'segment open')
    const platter = this.files.get(name)
    if (platter === undefined) throw new Error(`there is no ${name}`)
    return new SimulatedFile(platter, this)
  }

  list(): readonly string[] {
    this.power.check(this.power.life, 'segment list')
    return [...this.files.keys()].sort()
  }

  remove(name: string): void {
    const cut = this.power.step(this.power.life, 'segment remove')
    const platter = this.files.get(name)
    if (platter === undefined) throw new Error(`there is no ${name}`)
    this.files.delete(name)
    this.removed.set(name, platter)
    if (cut) throw new DeadError('segment remove')
  }

  syncNames(): void {
    this.unnamed.clear()
    this.removed.clear()
  }

  space(): { readonly free: number; readonly total: number } {
    return { free: 2 ** 40, total: 2 ** 40 }
  }

  /** What a power cut leaves. A process that is killed leaves all as it was. */
  cut(): void {
    const { random } = this.power
    for (const [name, platter] of [...this.removed].sort()) {
      if (random.chance(0.5) && !this.files.has(name)) this.files.set(name, platter)
    }
    this.removed.clear()
    for (const name of this.unnamed) if (random.chance(0.5)) this.files.delete(name)
    this.unnamed.clear()
    for (const [, platter] of [...this.files].sort()) platter.cut(random)
  }
}
