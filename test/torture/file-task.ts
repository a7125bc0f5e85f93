/** One file that is written to, stable and not, cut, committed and read: bytes against a model. */
import assert from 'node:assert/strict'
import { stable_how } from '../../src/protocols/nfs3/procedures/write.ts'
import { ok } from '../client/nfs3-client.ts'
import { RpcDisconnected } from '../client/rpc-error.ts'
import { ByteModel } from '../protocols/nfs3/byte-model.ts'
import type { Session } from '../protocols/session.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { Task } from './task.ts'

const { UNSTABLE, DATA_SYNC, FILE_SYNC } = stable_how
const MiB = 2 ** 20
const EQUAL = ['equal ', 'the same ', 'again ']
const EQUAL_MAX = 32_768
const weights = { write: 60, read: 14, resize: 8, commit: 18 } as const

export class FileTask implements Task {
  acknowledged = 0
  private readonly random: SeededRandom
  private readonly handle: Buffer
  private readonly model: ByteModel
  /** A size that was asked for, and not acknowledged. */
  private wanted: number | undefined
  private readonly verifiers = new Set<string>()

  constructor(random: SeededRandom, handle: Buffer, capacity: number) {
    this.random = random
    this.handle = handle
    this.model = new ByteModel(0, capacity)
  }

  async work(session: Session, paused: () => boolean): Promise<void> {
    try {
      while (!paused()) {
        await this[this.random.weighted(weights)](session)
        this.acknowledged += 1
      }
    } catch (error) {
      if (!(error instanceof RpcDisconnected)) throw error
    }
  }

  private range(): [offset: number, length: number] {
    const { random, model } = this
    const { capacity } = model
    let offset = random.below(capacity)
    if (random.chance(0.5)) offset -= offset % 4096
    const length = random.weighted({ tiny: 3, granules: 5, large: 2 })
    const bytes = {
      tiny: () => random.between(1, 900),
      granules: () => 4096 * random.between(1, 8),
      large: () => random.between(1, MiB),
    }[length]()
    return [offset, Math.min(bytes, capacity - offset)]
  }

  /** Equal blocks are stored once: there have to be some, in other files and of earlier lives. */
  private bytes(length: number): Buffer {
    const { random } = this
    const equal = length % 4096 === 0 && length <= EQUAL_MAX && random.chance(0.6)
    return equal ? Buffer.alloc(length, random.pick(EQUAL)) : random.bytes(length)
  }

  async write({ nfs }: Session): Promise<void> {
    const { random, handle, model } = this
    const [offset, length] = this.range()
    const data = this.bytes(length)
    const stable = random.pick([UNSTABLE, UNSTABLE, UNSTABLE, DATA_SYNC, FILE_SYNC])
    const args = { file: handle, offset, count: length, stable, data }
    try {
      const { count, committed, verf } = ok(await nfs.write(args))
      assert.equal(count, length)
      assert.ok(committed >= stable)
      this.verifiers.add(verf.toString('hex'))
      model.write(offset, data, committed !== UNSTABLE)
    } catch (error) {
      model.maybeWritten(offset, data)
      throw error
    }
  }

  async read({ nfs }: Session): Promise<void> {
    const { handle, model } = this
    const [offset, count] = this.range()
    const { data } = ok(await nfs.read({ file: handle, offset, count }))
    assert.ok(data.equals(model.read(offset, count)), `bytes at ${offset} before any crash`)
  }

  async resize(session: Session): Promise<void> {
    const { random, model } = this
    const size = random.chance(0.2) ? 0 : random.below(model.capacity)
    this.wanted = size
    await session.set(this.handle, { size })
    this.wanted = undefined
    model.resize(size)
  }

  async commit(session: Session): Promise<void> {
    this.verifiers.add((await session.commit(this.handle)).toString('hex'))
    this.model.commit()
  }

  async verify(session: Session): Promise<void> {
    const { model, handle, wanted } = this
    const bytes = await session.readAll(handle)
    try {
      model.recovered(bytes.length, bytes)
    } catch (error) {
      if (wanted === undefined) throw error
      model.resize(wanted)
      model.recovered(bytes.length, bytes)
    }
    this.wanted = undefined
    const verifier = (await session.commit(handle)).toString('hex')
    assert.ok(!this.verifiers.has(verifier), 'the write verifier is one from before the crash')
  }
}
