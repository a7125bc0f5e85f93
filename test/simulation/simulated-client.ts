/** A client that does things at random, and remembers what it was promised. */

import assert from 'node:assert/strict'
import { SYSTEM } from '../../src/auth/principal.ts'
import { SealError } from '../../src/commands/content/sealer.ts'
import type { Command } from '../../src/commands/deciders.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import { noAttributes } from '../../src/commands/tree/new-object.ts'
import { KiB, MiB } from '../../src/platform/limits.ts'
import { fileKind, type Inode, ROOT_INO } from '../../src/projections/inode.ts'
import type { SimulatedEngine } from './simulated-engine.ts'
import type { Simulation } from './simulation.ts'

export const SHARE = 1

const weights = {
  create: 9,
  mkdir: 3,
  symlink: 1,
  link: 3,
  rename: 6,
  remove: 5,
  rmdir: 2,
  chmod: 2,
  truncate: 5,
  unstable: 22,
  stable: 12,
  commit: 9,
  read: 12,
  resend: 14,
} as const

/** Files grow, in pieces, and are cut again and again. */
const cutting = { ...weights, truncate: 30, stable: 30 }

const NAMES = 24
/** Contents that are written again and again. */
const POOL = 9
/** Few large ones: they are compared byte by byte. */
const SIZES = { tiny: 40, granules: 30, medium: 12, large: 2 } as const

export class SimulatedClient {
  private readonly simulation: Simulation
  private readonly engine: SimulatedEngine
  private readonly life: number

  constructor(simulation: Simulation, engine: SimulatedEngine) {
    this.simulation = simulation
    this.engine = engine
    this.life = simulation.machine.power.life
  }

  /** Goes on until its server is dead. */
  async run(): Promise<void> {
    const { random, time } = this.simulation.machine
    while (this.connected) {
      await time.sleep(random.below(12))
      if (!this.connected) return
      await this.step()
    }
  }

  private get connected(): boolean {
    const { power } = this.simulation.machine
    return power.alive && power.life === this.life && this.engine.failure === undefined
  }

  private async step(): Promise<void> {
    try {
      const { machine, sweeping } = this.simulation
      await this[machine.random.weighted(sweeping ? cutting : weights)]()
    } catch (error) {
      // Nobody hears what a dead server says.
      if (!this.connected) return
      // The disk was full or broken: the bytes stay staged, and nothing was promised.
      if (error instanceof SealError) return
      throw error
    }
  }

  /** Decides; when it is durable, and somebody still listens, it is a promise. */
  private submit(command: Command): { accepted: boolean; ino: number; durable: Promise<boolean> } {
    const decision = this.engine.stream.submit(command, NO_ORIGIN)
    assert.ok(typeof decision !== 'string', `parked: ${String(decision)}`)
    const { outcome, seq } = decision
    const durable = this.engine.stream.whenDurable(seq).then(() => this.promised(seq))
    return {
      accepted: outcome.kind === 'accepted',
      ino: outcome.kind === 'accepted' ? outcome.ino : 0,
      durable,
    }
  }

  private promised(seq: number): boolean {
    if (!this.connected) return false
    this.simulation.promised(seq)
    return true
  }

  private name(): string {
    return `n${this.simulation.machine.random.below(NAMES)}`
  }

  private get live() {
    return this.engine.world.live(SHARE)
  }

  /** An object that is there, and where. */
  private pick(wanted: (inode: Inode) => boolean): Found | undefined {
    const { random } = this.simulation.machine
    const found: Found[] = []
    const visit = (dir: number): void => {
      for (const [, { name, ino }] of this.live.list(dir, 0)) {
        const inode = this.live.inode(ino)
        if (inode === undefined) continue
        if (wanted(inode)) found.push({ dir, name, ino, inode })
        if (inode.kind === fileKind.directory) visit(ino)
      }
    }
    visit(ROOT_INO)
    return found.length === 0 ? undefined : random.pick(found)
  }

  private directory(): number {
    const { random } = this.simulation.machine
    if (random.chance(0.4)) return ROOT_INO
    return this.pick(({ kind }) => kind === fileKind.directory)?.ino ?? ROOT_INO
  }

  private file(): Found | undefined {
    return this.pick(({ kind }) => kind === fileKind.regular)
  }

  async create(): Promise<void> {
    const { random } = this.simulation.machine
    const size = random.chance(0.15) ? random.below(200 * KiB) : undefined
    const [dir, name] = [this.directory(), this.name()]
    const there = this.live.entry(dir, name)
    if (there !== undefined && size !== undefined) {
      if (!this.engine.content.mayResize(SHARE, there.ino, size)) return
    }
    const { accepted, ino, durable } = this.submit({
      type: 'CreateFile',
      share: SHARE,
      dir,
      name,
      how: random.chance(0.6) ? 'guarded' : 'unchecked',
      verifier: undefined,
      attributes: noAttributes,
      size,
    })
    if (accepted) {
      const file = there === undefined ? this.simulation.created(ino) : this.simulation.file(ino)
      if (size !== undefined) {
        this.engine.content.resized(SHARE, ino, size)
        const change = file.resize(size)
        if (await durable) file.acknowledge(change)
        return
      }
    }
    await durable
  }

  async mkdir(): Promise<void> {
    const [dir, name] = [this.directory(), this.name()]
    await this.submit({
      type: 'CreateDirectory',
      share: SHARE,
      dir,
      name,
      attributes: noAttributes,
    }).durable
  }

  async symlink(): Promise<void> {
    const [dir, name] = [this.directory(), this.name()]
    const attributes = noAttributes
    const target = `to ${name}`
    await this.submit({ type: 'CreateSymlink', share: SHARE, dir, name, target, attributes })
      .durable
  }

  async link(): Promise<void> {
    const file = this.file()
    if (file === undefined) return
    const [dir, name] = [this.directory(), this.name()]
    await this.submit({ type: 'LinkEntry', share: SHARE, ino: file.ino, dir, name }).durable
  }

  async rename(): Promise<void> {
    const found = this.pick(() => true)
    if (found === undefined) return
    const { dir: fromDir, name: fromName } = found
    const [toDir, toName] = [this.directory(), this.name()]
    const names = { fromDir, fromName, toDir, toName }
    await this.submit({ type: 'RenameEntry', share: SHARE, ...names }).durable
  }

  async remove(): Promise<void> {
    const found = this.pick(({ kind }) => kind !== fileKind.directory)
    if (found === undefined) return
    const { dir, name } = found
    await this.submit({ type: 'RemoveFile', share: SHARE, dir, name }).durable
  }

  async rmdir(): Promise<void> {
    const found = this.pick(({ kind }) => kind === fileKind.directory)
    if (found === undefined) return
    const { dir, name } = found
    await this.submit({ type: 'RemoveDirectory', share: SHARE, dir, name }).durable
  }

  private changing(ino: number, change: { mode?: number; size?: number }): Command {
    const { mode, size } = change
    const others = { uid: undefined, gid: undefined, atime: undefined, mtime: undefined }
    return {
      type: 'ChangeAttributes',
      share: SHARE,
      ino,
      mode,
      size,
      ...others,
      guard: undefined,
    }
  }

  async chmod(): Promise<void> {
    const found = this.pick(() => true)
    if (found === undefined) return
    const mode = this.simulation.machine.random.below(0o1000)
    await this.submit(this.changing(found.ino, { mode })).durable
  }

  async truncate(): Promise<void> {
    const found = this.file()
    if (found === undefined) return
    const { ino } = found
    const { machine, sweeping } = this.simulation
    const { random } = machine
    // What is emptied leaves nothing to be swept.
    const size = random.chance(sweeping ? 0.05 : 0.3) ? 0 : this.offset()
    while (!this.engine.content.mayResize(SHARE, ino, size)) {
      await this.engine.content.settled(SHARE, ino, size)
    }
    const { accepted, durable } = this.submit(this.changing(ino, { size }))
    if (!accepted) {
      await durable
      return
    }
    this.engine.content.resized(SHARE, ino, size)
    const file = this.simulation.file(ino)
    const change = file.resize(size)
    if (await durable) file.acknowledge(change)
  }

  private offset(): number {
    const { random } = this.simulation.machine
    const granule = 4 * KiB
    switch (random.weighted({ start: 3, granule: 4, any: 4, border: 1 })) {
      case 'start':
        return 0
      case 'granule':
        return granule * random.below(20)
      case 'any':
        return random.below(80 * KiB)
      case 'border':
        return MiB - random.below(2 * granule)
    }
  }

  private bytes(): Buffer {
    const { random } = this.simulation.machine
    if (this.simulation.collecting && random.chance(0.8)) {
      const n = random.below(POOL)
      return Buffer.alloc(4 * KiB * (1 + 7 * (n % 3)), `content ${n} `)
    }
    const sizes = {
      tiny: () => random.between(1, 600),
      granules: () => 4 * KiB * random.between(1, 8),
      medium: () => random.between(1, 100 * KiB),
      large: () => random.between(900 * KiB, 1300 * KiB),
    }
    const size = sizes[random.weighted(SIZES)]()
    // Equal blocks are stored once: there have to be some.
    if (random.chance(0.3)) return Buffer.alloc(size, random.pick(['equal ', 'the same ']))
    return random.bytes(size)
  }

  private async write(stable: boolean): Promise<void> {
    const found = this.file()
    if (found !== undefined) await this.put(found.ino, this.offset(), this.bytes(), stable)
  }

  /** What a client had no answer to when the server went, it sends again: the same bytes. */
  async resend(): Promise<void> {
    const lost = this.simulation.takeUnanswered()
    if (lost === undefined || this.live.inode(lost.ino) === undefined) return
    await this.put(lost.ino, lost.offset, lost.bytes, true)
  }

  private async put(ino: number, offset: number, bytes: Buffer, stable: boolean): Promise<void> {
    const { content, stream } = this.engine
    const written = content.write(SHARE, ino, offset, bytes, stable, NO_ORIGIN, SYSTEM)
    assert.ok(typeof written !== 'string', `write refused: ${String(written)}`)
    const file = this.simulation.file(ino)
    const change = file.write(offset, bytes)
    if (!stable) return
    const { durable } = written
    if (typeof durable !== 'number') await durable
    else {
      await stream.whenDurable(durable)
      this.promised(durable)
    }
    if (this.connected) file.acknowledge(change)
  }

  unstable(): Promise<void> {
    return this.write(false)
  }

  stable(): Promise<void> {
    return this.write(true)
  }

  async commit(): Promise<void> {
    const found = this.file()
    if (found === undefined) return
    const { content, stream } = this.engine
    const acknowledge = this.simulation.file(found.ino).until()
    const sealing = content.commit(SHARE, found.ino)
    if (sealing === undefined) await stream.whenDurable(stream.decided)
    else await sealing
    // Of a file that was removed meanwhile nothing is left to promise.
    if (this.connected && this.live.inode(found.ino) !== undefined) acknowledge()
  }

  async read(): Promise<void> {
    const found = this.file()
    if (found === undefined) return
    const { ino, inode } = found
    const { content } = this.engine
    const file = this.simulation.file(ino)
    const staged = content.staged(SHARE, ino)
    const size = content.sizeOf(inode, staged)
    assert.equal(size, file.size, `size of inode ${ino}`)
    const { random } = this.simulation.machine
    const from = random.below(size + 1)
    const to = Math.min(size, from + random.below(200 * KiB))
    if (to <= from) return
    const expected = file.now(from, to)
    const parts = await content.read(this.live, inode, staged, from, to)
    const bytes = Buffer.concat(parts.map((p) => (typeof p === 'number' ? Buffer.alloc(p) : p)))
    // While a block is looked for, others may write.
    const later = this.simulation.machine.holes && bytes.equals(file.now(from, to))
    assert.ok(later || bytes.equals(expected), `bytes of inode ${ino} from ${from}`)
  }
}

interface Found {
  readonly dir: number
  readonly name: string
  readonly ino: number
  readonly inode: Inode
}
