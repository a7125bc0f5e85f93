/**
 * Random writes, truncations, reads and commits against a model of bytes, with crashes in between
 * and in the middle. DFS_SEED repeats a run; DFS_SOAK makes it last that many minutes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { stable_how } from '../../../src/protocols/nfs3/procedures/write.ts'
import { ok } from '../../client/nfs3-client.ts'
import { SeededRandom, seedFromEnvironment } from '../../seeded-random.ts'
import { checkOffline } from '../../server-process.ts'
import { soaking } from '../../soak.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, type Session } from '../session.ts'
import { ByteModel } from './byte-model.ts'

const share = await serveShare()
const { UNSTABLE, DATA_SYNC, FILE_SYNC } = stable_how
const GiB = 2 ** 30

interface ModelledFile {
  readonly handle: Buffer
  readonly model: ByteModel
}

/** Small files, one larger than a block, and two with most of them a hole. */
const shapes = [
  [0, 20_000],
  [0, 200_000],
  [0, 3_000_000],
  [5 * GiB - 7000, 150_000],
  [2 ** 50 + 3, 100_000],
] as const

/** Offsets and lengths of every kind: single bytes, granules, blocks, and one off from those. */
function someRange(random: SeededRandom, { base, capacity }: ByteModel): [number, number] {
  const granule = 4096
  const kind = random.weighted({ tiny: 4, small: 3, aligned: 3, large: 1 })
  let offset = random.below(capacity)
  let length = 1 + random.below(kind === 'tiny' ? 20 : kind === 'small' ? 9000 : 300_000)
  if (kind === 'aligned') {
    const at = base + offset
    offset = Math.max(0, at - (at % granule) - base)
    length = granule * (1 + random.below(20))
    if (random.chance(0.3)) length += random.between(-1, 1)
  }
  return [base + offset, Math.min(length, capacity - offset)]
}

class Run {
  readonly random: SeededRandom
  readonly files: ModelledFile[] = []
  private readonly verifiers = new Set<string>()
  private session: Session
  private steps = 0

  constructor(random: SeededRandom, session: Session) {
    this.random = random
    this.session = session
  }

  async begin(dir: Buffer): Promise<void> {
    for (const [i, [base, capacity]] of shapes.entries()) {
      const handle = await this.session.create(dir, `file ${i}`, { mode: 0o666 })
      this.files.push({ handle, model: new ByteModel(base, capacity) })
    }
  }

  async step(): Promise<void> {
    this.steps += 1
    const { random } = this
    const file = random.pick(this.files)
    const what = { write: 50, read: 20, resize: 8, commit: 8, parallel: 4, pause: 0.05 }
    switch (random.weighted(what)) {
      case 'write':
        return this.write(file)
      case 'read':
        return this.read(file, ...someRange(random, file.model))
      case 'resize':
        return this.resize(file)
      case 'commit':
        return this.commit(file)
      case 'parallel':
        return this.parallel(file)
      case 'pause':
        // Long enough for the server to seal what lies idle.
        return sleep(1300)
    }
  }

  private someStable(): 0 | 1 | 2 {
    return this.random.pick([UNSTABLE, UNSTABLE, UNSTABLE, DATA_SYNC, FILE_SYNC])
  }

  private async write({ handle, model }: ModelledFile): Promise<void> {
    const { random } = this
    const [offset, length] = someRange(random, model)
    const data = random.bytes(length)
    const stable = this.someStable()
    const args = { file: handle, offset, count: length, stable, data }
    // Somebody else’s writes are told apart from ours: what is unstable is stored between them.
    const { nfs } = random.chance(0.2) ? this.session.as(BOB) : this.session
    const { count, committed, verf } = ok(await nfs.write(args))
    assert.equal(count, length)
    assert.ok(committed >= stable)
    this.verifiers.add(verf.toString('hex'))
    model.write(offset, data, committed !== UNSTABLE)
  }

  private async read(
    { handle, model }: ModelledFile,
    offset: number,
    count: number,
  ): Promise<void> {
    const result = ok(await this.session.nfs.read({ file: handle, offset, count }))
    const expected = model.read(offset, Math.min(count, 1 << 20))
    if (!result.data.equals(expected)) {
      const at = result.data.findIndex((byte, i) => byte !== expected[i])
      const differ = `${result.data[at]} instead of ${expected[at]} at ${offset + at}`
      assert.fail(`step ${this.steps}: read of ${count} at ${offset}: ${differ}`)
    }
    assert.equal(result.eof, offset + result.count >= model.size)
    assert.equal(result.file_attributes?.size, model.size)
  }

  private async resize({ handle, model }: ModelledFile): Promise<void> {
    const { random } = this
    const size = random.chance(0.15) ? 0 : model.base + random.below(model.capacity)
    await this.session.set(handle, { size })
    model.resize(size)
    await this.read({ handle, model }, Math.max(0, size - 100), 1000)
  }

  private async commit({ handle, model }: ModelledFile): Promise<void> {
    const range = this.random.chance(0.5) ? [0, 0] : [model.base, 4096]
    const [offset, count] = range as [number, number]
    const { verf, file_wcc } = ok(await this.session.nfs.commit({ file: handle, offset, count }))
    assert.equal(file_wcc.after?.size, model.size)
    this.verifiers.add(verf.toString('hex'))
    // A server may commit no more than the range: only all of it is believed.
    if (count === 0) model.commit()
  }

  /** Disjoint writes and reads at once: in whichever order they come, the outcome is the same. */
  private async parallel(file: ModelledFile): Promise<void> {
    const { random } = this
    const { model } = file
    const parts = 8
    const part = Math.floor(model.capacity / parts)
    const offsets = Array.from({ length: parts }, (_, i) => model.base + i * part)
    const written = offsets.filter(() => random.chance(0.5))
    if (model.size < model.base + model.capacity) {
      // The end of the file is in nobody's way then.
      const end = model.base + model.capacity
      await this.session.set(file.handle, { size: end })
      model.resize(end)
    }
    const writes = written.map(async (offset) => {
      const data = random.bytes(1 + random.below(Math.min(part, 100_000)))
      const args = {
        file: file.handle,
        offset,
        count: data.length,
        stable: this.someStable(),
        data,
      }
      const { committed } = ok(await this.session.nfs.write(args))
      return () => model.write(offset, data, committed !== UNSTABLE)
    })
    const reads = offsets
      .filter((offset) => !written.includes(offset))
      .map((offset) => this.read(file, offset, part))
    const [done] = await Promise.all([Promise.all(writes), Promise.all(reads)])
    for (const apply of done) apply()
  }

  /** Kills the server, with writes and commits under way or without, and looks at what is left. */
  async crash(): Promise<void> {
    const { random, session } = this
    const answers: Promise<unknown>[] = []
    const outcomes: (() => void)[] = []
    for (let i = random.below(30); i > 0; i--) {
      const file = random.pick(this.files)
      answers.push(this.underWay(session, file, outcomes))
    }
    if (random.chance(0.7)) await sleep(random.below(8))
    await share.server.kill()
    await Promise.all(answers)
    for (const apply of outcomes) apply()
    await share.start()
    this.session = await share.session(ALICE)
    await this.recover()
  }

  /** Sends one call, and puts into `outcomes`, in the order of sending, what it came to. */
  private async underWay(
    session: Session,
    { handle, model }: ModelledFile,
    outcomes: (() => void)[],
  ): Promise<void> {
    const [offset, length] = someRange(this.random, model)
    const data = this.random.bytes(Math.min(length, 70_000))
    const stable = this.someStable()
    const slot = outcomes.push(() => model.maybeWritten(offset, data)) - 1
    const args = { file: handle, offset, count: data.length, stable, data }
    try {
      const { committed } = ok(await session.nfs.write(args))
      outcomes[slot] = () => model.write(offset, data, committed !== UNSTABLE)
    } catch {
      // No answer: it may have happened.
    }
  }

  private async recover(): Promise<void> {
    for (const { handle, model } of this.files) {
      const { size } = await this.session.attributes(handle)
      const parts: Buffer[] = []
      for (let offset = model.base; offset < size; offset += 1 << 20) {
        parts.push(await this.session.read(handle, offset, 1 << 20))
      }
      model.recovered(size, Buffer.concat(parts))
      if (model.base === 0) continue
      const hole = await this.session.read(handle, Math.max(0, model.base - 5000), 5000)
      assert.ok(
        hole.every((byte) => byte === 0),
        'a hole has something in it',
      )
    }
    const verifier = (await this.session.commit(this.files[0]!.handle)).toString('hex')
    assert.ok(!this.verifiers.has(verifier), 'the verifier is the one from before the crash')
  }
}

async function runOf(seed: number, crashes: number, steps: number): Promise<void> {
  const { session, dir } = await share.workplace(ALICE)
  const run = new Run(new SeededRandom(seed), session)
  await run.begin(dir)
  for (let i = 0; i < crashes; i++) {
    for (let n = 0; n < steps; n++) await run.step()
    await run.crash()
  }
}

const seed = seedFromEnvironment()

test(`bytes are what the model says, through crashes (DFS_SEED=${seed})`, async () => {
  let next = seed
  do await runOf(next++, 5, 150)
  while (soaking())
  await share.server.kill()
  const { digest, rebuilt } = await checkOffline(share.data)
  assert.equal(digest, rebuilt)
  await share.start()
})
