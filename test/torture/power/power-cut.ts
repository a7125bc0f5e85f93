/**
 * Cuts the power of a server process on any machine: power.c notes what each write replaced, and
 * when the process is gone, files are made to hold what a disk might: of what was not synced any
 * subset, sector by sector, each as it was or as any write since the last sync left it; sizes and
 * names likewise.
 */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { SeededRandom } from '../../seeded-random.ts'

const SECTOR = 512
const HEADER = 37
const kinds = { write: 1, durableWrite: 2, resize: 3, sync: 4, create: 5, remove: 6, names: 7 }

interface Entry {
  readonly kind: number
  readonly inode: number
  readonly offset: number
  readonly length: number
  /** Of the file, before. */
  readonly size: number
  readonly bytes: Buffer
}

function* entriesOf(log: Buffer): Iterable<Entry> {
  for (let at = 0; at + HEADER <= log.length; ) {
    const number = (from: number) => Number(log.readBigUInt64LE(at + from))
    const count = log.readUInt32LE(at + 33)
    // The last one may be half there: what it announces has not happened.
    if (at + HEADER + count > log.length) return
    const bytes = log.subarray(at + HEADER, at + HEADER + count)
    const kind = log.readUInt8(at)
    yield { kind, inode: number(1), offset: number(9), length: number(17), size: number(25), bytes }
    at += HEADER + count
  }
}

/** What of one file no sync has made durable: earlier states, the oldest first. */
class Unsynced {
  readonly sectors = new Map<number, Buffer[]>()
  sizes: number[] = []

  write({ offset, length, size, bytes }: Entry, durable: boolean): void {
    const first = Math.floor(offset / SECTOR)
    const last = Math.floor((offset + length - 1) / SECTOR)
    for (let sector = first; sector <= last; sector++) {
      const start = (sector - first) * SECTOR
      const before = Buffer.alloc(SECTOR)
      bytes.subarray(start, start + SECTOR).copy(before)
      if (durable) this.sectors.delete(sector)
      else this.states(sector).push(before)
    }
    if (offset + length <= size) return
    if (durable) this.sizes = []
    else this.sizes.push(size)
  }

  private states(sector: number): Buffer[] {
    let states = this.sectors.get(sector)
    if (states === undefined) {
      states = []
      this.sectors.set(sector, states)
    }
    return states
  }

  sync(): void {
    this.sectors.clear()
    this.sizes = []
  }
}

/** How much of what is undecided is lost. */
type Loss = 'all' | 'none' | 'some'

export interface Cut {
  /** Sectors that a sync had not made durable, and of those the ones that were put back. */
  readonly sectors: number
  readonly lost: number
  readonly names: number
}

export class PowerCut {
  private readonly root: string
  private readonly dir: string
  private readonly library: string

  /** `root`: an absolute path, which must be there. `scratch`: on the same file system. */
  constructor(root: string, scratch: string) {
    this.root = root
    this.dir = join(scratch, 'power')
    this.library = join(scratch, 'power.so')
    mkdirSync(this.dir)
    const source = join(import.meta.dirname, 'power.c')
    execFileSync('cc', ['-O1', '-shared', '-fPIC', '-o', this.library, source, '-ldl', '-lpthread'])
  }

  private get log(): string {
    return join(this.dir, 'log')
  }

  /** For the process whose power is to be cut when it is killed, or after POWER_CUT steps. */
  environment(): Record<string, string> {
    return {
      LD_PRELOAD: this.library,
      POWER_ROOT: this.root,
      POWER_LOG: this.log,
      UV_USE_IO_URING: '0',
    }
  }

  /** Of a process that is gone: leaves what a disk would have. */
  cut(random: SeededRandom): Cut {
    const loss: Loss = random.pick(['all', 'none', 'some', 'some', 'some'])
    const log = existsSync(this.log) ? readFileSync(this.log) : Buffer.alloc(0)
    const files = new Map<number, Unsynced>()
    const created = new Map<string, number>()
    const removed = new Map<string, number>()
    for (const entry of entriesOf(log)) {
      const { kind, inode, bytes, size } = entry
      const path = bytes.toString()
      let file = files.get(inode)
      if (file === undefined) {
        file = new Unsynced()
        files.set(inode, file)
      }
      if (kind === kinds.write) file.write(entry, false)
      else if (kind === kinds.durableWrite) file.write(entry, true)
      else if (kind === kinds.resize) file.sizes.push(size)
      else if (kind === kinds.sync) file.sync()
      else if (kind === kinds.create) created.set(path, inode)
      else if (kind === kinds.remove) removed.set(path, inode)
      else for (const names of [created, removed]) syncNames(names, path)
    }
    const names = this.cutNames(random, loss, created, removed)
    const cut = this.cutFiles(random, loss, files)
    for (const name of readdirSync(this.dir)) rmSync(join(this.dir, name))
    return { ...cut, names }
  }

  private cutNames(
    random: SeededRandom,
    loss: Loss,
    created: ReadonlyMap<string, number>,
    removed: ReadonlyMap<string, number>,
  ): number {
    let changed = 0
    for (const [path, inode] of removed) {
      if (existsSync(path) || !loses(random, loss)) continue
      linkSync(`${this.log}.${inode}`, path)
      changed += 1
    }
    for (const path of created.keys()) {
      if (removed.has(path) || !existsSync(path) || !loses(random, loss)) continue
      unlinkSync(path)
      changed += 1
    }
    return changed
  }

  private cutFiles(
    random: SeededRandom,
    loss: Loss,
    files: ReadonlyMap<number, Unsynced>,
  ): Omit<Cut, 'names'> {
    let [sectors, lost] = [0, 0]
    for (const path of filesBelow(this.root)) {
      const file = files.get(statSync(path).ino)
      if (file === undefined) continue
      sectors += file.sectors.size
      lost += putBack(random, loss, path, file)
    }
    return { sectors, lost }
  }
}

/** Names of a directory are as durable as they will ever be. */
function syncNames(names: Map<string, number>, directory: string): void {
  for (const path of names.keys()) if (dirname(path) === directory) names.delete(path)
}

function loses(random: SeededRandom, loss: Loss): boolean {
  return loss === 'some' ? random.chance(0.5) : loss === 'all'
}

function putBack(random: SeededRandom, loss: Loss, path: string, file: Unsynced): number {
  let lost = 0
  const fd = openSync(path, 'r+')
  const { size } = statSync(path)
  try {
    for (const [sector, states] of file.sectors) {
      if (!loses(random, loss)) continue
      const state = loss === 'all' ? states[0] : random.pick(states)
      writeSync(fd, state as Buffer, 0, SECTOR, sector * SECTOR)
      lost += 1
    }
    const [first, ...more] = file.sizes
    const shrinks = first !== undefined && loses(random, loss)
    // Also without: a sector that was put back may reach behind the end.
    ftruncateSync(fd, shrinks ? (loss === 'all' ? first : random.pick([first, ...more])) : size)
  } finally {
    closeSync(fd)
  }
  return lost
}

function* filesBelow(directory: string): Iterable<string> {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) yield join(entry.parentPath, entry.name)
  }
}

/** Why this machine cannot do it; undefined when it can. */
export function whyNoPowerCut(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux preloads libraries in this way'
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'there is no C compiler (cc)'
  }
}
