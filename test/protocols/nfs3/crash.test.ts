/**
 * kill -9 in the middle of work by several clients: what was acknowledged is there, and what was
 * under way is there whole or not at all. DFS_SEED repeats a run, as far as chance allows; DFS_SOAK
 * makes it last that many minutes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RpcDisconnected } from '../../client/rpc-error.ts'
import { assertSameTree, Conformance, isSameTree, type Observed } from '../../model/conformance.ts'
import type { Operation } from '../../model/operations.ts'
import { PosixModel } from '../../model/posix-model.ts'
import { RandomOperations } from '../../model/random-operations.ts'
import { WireSubject } from '../../model/wire-subject.ts'
import { SeededRandom, seedFromEnvironment } from '../../seeded-random.ts'
import { checkOffline } from '../../server-process.ts'
import { soaking } from '../../soak.ts'
import { serveShare } from '../served-share.ts'
import type { Session } from '../session.ts'

const share = await serveShare()
const CLIENTS = 4
const TASKS_PER_CLIENT = 3
const ROUNDS = 6
const root = { uid: 0, gid: 0, gids: [] }

/** One thread of work in a directory of its own: one operation at a time. */
class Task {
  done = 0
  private readonly model = new PosixModel(0o777)
  private readonly subject: WireSubject
  private readonly operations: RandomOperations
  private readonly conformance: Conformance
  /** Sent, and not answered when the server died. */
  private pending: Operation | undefined

  constructor(random: SeededRandom, session: Session, directory: Buffer) {
    this.subject = new WireSubject([session], this.model.root, directory)
    this.operations = new RandomOperations(random, this.model)
    this.conformance = new Conformance(this.model, this.subject)
  }

  /** Works until the server is gone. */
  async work(session: Session): Promise<void> {
    this.subject.sessions = [session]
    for (;;) {
      const operation = stably(this.operations.next())
      let observed: Observed
      try {
        observed = await this.subject.perform(operation)
      } catch (error) {
        if (!(error instanceof RpcDisconnected)) throw error
        this.pending = operation
        return
      }
      this.conformance.settle(operation, observed)
      this.done += 1
    }
  }

  /** Compares what is there with what was acknowledged. */
  async recover(session: Session): Promise<void> {
    this.subject.sessions = [session]
    const { pending } = this
    const tree = await this.subject.tree()
    if (pending === undefined || isSameTree(tree, this.model.tree())) {
      assertSameTree(tree, this.model.tree())
      return
    }
    const { value } = this.model.apply(pending)
    assertSameTree(tree, this.model.tree())
    this.pending = undefined
    if (value?.node === undefined || !('name' in pending)) return
    // The answer that would have brought the handle is lost.
    const { dir, name } = pending
    const lookup = { kind: 'lookup', user: root, dir, name } as const
    this.conformance.settle(lookup, await this.subject.perform(lookup))
  }
}

/** Only what is stable has to survive; write-model.test.ts looks at the rest. */
const stably = (operation: Operation): Operation =>
  operation.kind === 'write' ? { ...operation, stable: true } : operation

class Run {
  private readonly random: SeededRandom
  private readonly tasks: Task[] = []

  constructor(random: SeededRandom) {
    this.random = random
  }

  async begin(): Promise<void> {
    const { session, dir } = await share.workplace()
    for (let i = 0; i < CLIENTS * TASKS_PER_CLIENT; i++) {
      const directory = await session.mkdir(dir, `task ${i}`, 0o777)
      await session.set(directory, { mode: 0o777 })
      this.tasks.push(new Task(new SeededRandom(this.random.word()), session, directory))
    }
  }

  private async clients(): Promise<Session[]> {
    return Promise.all(Array.from({ length: CLIENTS }, () => share.session()))
  }

  /** Resolves to how many operations were acknowledged before the server was killed. */
  async round(check: boolean): Promise<number> {
    const { random, tasks } = this
    const before = tasks.reduce((sum, { done }) => sum + done, 0)
    const clients = await this.clients()
    const work = tasks.map((task, i) => task.work(clients[i % CLIENTS] as Session))
    await sleep(random.between(50, 400))
    await share.server.kill()
    await Promise.all(work)
    assert.deepEqual(share.server.errors, [])
    if (check) {
      const { digest, rebuilt } = await checkOffline(share.data)
      assert.equal(digest, rebuilt)
    }
    await share.start()
    if (random.chance(0.3)) await share.crash()
    const again = await this.clients()
    for (const [i, task] of tasks.entries()) await task.recover(again[i % CLIENTS] as Session)
    return tasks.reduce((sum, { done }) => sum + done, 0) - before
  }
}

async function run(seed: number): Promise<void> {
  const started = new Run(new SeededRandom(seed))
  await started.begin()
  let done = 0
  for (let i = 1; i <= ROUNDS; i++) done += await started.round(i % 3 === 0)
  assert.ok(done > ROUNDS * 10, `only ${done} operations in ${ROUNDS} rounds`)
}

const seed = seedFromEnvironment()

test(`what was acknowledged outlives every crash (DFS_SEED=${seed})`, async () => {
  let next = seed
  do await run(next++)
  while (soaking())
})
