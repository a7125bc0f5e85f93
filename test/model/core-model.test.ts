/**
 * Random commands to the core against the model, with the past, a rebuild and crashes checked too.
 * DFS_SEED repeats a run; DFS_SOAK makes it last that many minutes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { soaking } from '../soak.ts'
import { assertSameTree, Conformance } from './conformance.ts'
import { Core, SHARE } from './core-fixture.ts'
import { CoreSubject } from './core-subject.ts'
import type { Operation, Tree } from './operations.ts'
import { PosixModel } from './posix-model.ts'
import { RandomOperations } from './random-operations.ts'

const STEPS = 15_000
const root = { uid: 0, gid: 0, gids: [] }
/** Who may ask what is for protocols to know. */
const queries = new Set<Operation['kind']>(['lookup', 'read', 'readdir'])

interface Moment {
  readonly seq: number
  readonly tree: Tree
}

class Run {
  private readonly random: SeededRandom
  private readonly model = new PosixModel()
  private readonly operations: RandomOperations
  private readonly subject: CoreSubject
  private readonly conformance: Conformance
  private readonly moments: Moment[] = []

  constructor(random: SeededRandom, core: Core) {
    this.random = random
    this.operations = new RandomOperations(random, this.model)
    this.subject = new CoreSubject(core, this.model.root)
    this.conformance = new Conformance(this.model, this.subject)
  }

  get core(): Core {
    return this.subject.core
  }

  async step(): Promise<void> {
    const { random, core } = this
    const operation = this.operations.next()
    const asked = queries.has(operation.kind) ? { ...operation, user: root } : operation
    // Lookups of what protocols know themselves, and of names that none lets through.
    const protocols =
      operation.kind === 'lookup' &&
      (/^\.{1,2}$/.test(operation.name) || operation.name.length > 255)
    if (!protocols) await this.conformance.step(asked)
    if (random.chance(0.02)) await core.follow(random.chance(0.7))
    if (random.chance(0.005)) await this.remember()
    if (random.chance(0.004)) await this.conformance.compareTrees()
    if (random.chance(0.001)) await this.crash()
  }

  /** Notes how the tree is now, to be compared with what this moment looks like later. */
  private async remember(): Promise<void> {
    await this.core.drain()
    this.moments.push({ seq: this.core.stream.decided, tree: this.model.tree() })
  }

  private async crash(): Promise<void> {
    await this.core.drain()
    this.subject.core = await this.core.crash()
    await this.conformance.compareTrees()
  }

  async finish(): Promise<void> {
    const { core, subject } = this
    await this.remember()
    await this.conformance.compareTrees()
    const live = core.world.digest()
    await core.follow(true)
    assert.equal(core.world.digest(), live, 'storing rows changes no digest')
    assert.deepEqual([...core.world.divergences()], [])
    const rebuilt = await core.rebuilt()
    assert.equal(rebuilt.digest(), live, 'the rebuilt world is the live one')
    assert.deepEqual([...rebuilt.divergences()], [])
    for (const { seq, tree } of this.moments) {
      assertSameTree(await subject.treeOf(core.world.asOf(SHARE, seq)), tree)
      assertSameTree(await subject.treeOf(rebuilt.asOf(SHARE, seq)), tree)
    }
  }
}

async function run(seed: number): Promise<void> {
  const random = new SeededRandom(seed)
  const started = new Run(random, await Core.create(random))
  for (let i = 0; i < STEPS; i++) await started.step()
  await started.finish()
}

const seed = seedFromEnvironment()

test(`the core is the model, now and at every past moment (DFS_SEED=${seed})`, async () => {
  let next = seed
  do await run(next++)
  while (soaking())
})
