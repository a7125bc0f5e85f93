/** Holds a file system against the model, operation by operation and as a whole. */
import assert from 'node:assert/strict'
import {
  describe,
  type Errno,
  type NodeId,
  type Operation,
  type Success,
  type Tree,
  type Visible,
} from './operations.ts'
import type { PosixModel } from './posix-model.ts'

/** What a file system answered. */
export interface Observed {
  readonly error?: Errno
  /** What was found or made, in a form that is equal for the same object and for no other. */
  readonly object?: string
  readonly attributes?: Visible | undefined
  readonly data?: Buffer
  readonly eof?: boolean
  readonly names?: readonly string[]
  readonly target?: string
  readonly access?: number
}

export interface Subject {
  perform(operation: Operation): Promise<Observed>
  /** From now on the model's node is known by this object. */
  learn(node: NodeId, object: string): void
  tree(): Promise<Tree>
}

const HISTORY = 30

export class Conformance {
  readonly model: PosixModel
  private readonly subject: Subject
  private readonly objects = new Map<NodeId, string>()
  private readonly taken = new Set<string>()
  private readonly history: string[] = []

  constructor(model: PosixModel, subject: Subject) {
    this.model = model
    this.subject = subject
  }

  /** Performs an operation on both, and compares what came of it. */
  async step(operation: Operation): Promise<void> {
    this.settle(operation, await this.subject.perform(operation))
  }

  /** Compares what came of an operation with what the model makes of it. */
  settle(operation: Operation, observed: Observed): void {
    const expected = this.model.apply(operation)
    const { error } = observed
    this.history.push(`${describe(operation)} -> ${error ?? 'ok'}`)
    if (this.history.length > HISTORY) this.history.shift()
    this.blamed(() => {
      if (error !== undefined) {
        assert.ok(expected.errors.has(error), `${error} instead of ${shown(expected)}`)
        return
      }
      assert.ok(expected.value !== undefined, `success instead of ${shown(expected)}`)
      this.compare(expected.value, observed)
    })
  }

  private compare(expected: Success, observed: Observed): void {
    const { node } = expected
    if (node !== undefined && observed.object !== undefined) this.recognise(node, observed.object)
    if (node !== undefined && observed.attributes !== undefined) {
      const { size, ...visible } = this.model.visible(node)
      const { size: seen, ...attributes } = observed.attributes
      assert.deepEqual(attributes, visible)
      if (size !== undefined) assert.equal(seen, size, 'size')
    }
    if (expected.data !== undefined) {
      assert.ok(observed.data?.equals(expected.data), 'other data than was written')
      assert.equal(observed.eof, expected.eof, 'eof')
    }
    assert.deepEqual(observed.names, expected.names)
    assert.equal(observed.target, expected.target)
    assert.equal(observed.access, expected.access)
  }

  /** One object for each node, and one node for each object. */
  private recognise(node: NodeId, object: string): void {
    const known = this.objects.get(node)
    if (known !== undefined) {
      assert.equal(object, known, 'another object than before')
      return
    }
    assert.ok(!this.taken.has(object), 'an object that was another before')
    this.objects.set(node, object)
    this.taken.add(object)
    this.subject.learn(node, object)
  }

  async compareTrees(): Promise<void> {
    const tree = await this.subject.tree()
    this.blamed(() => assertSameTree(tree, this.model.tree()))
  }

  /** Says in an error which operations led to it. */
  private blamed(check: () => void): void {
    try {
      check()
    } catch (error) {
      const steps = this.history.map((line) => `  ${line}`).join('\n')
      throw new Error(`${(error as Error).message}\nbehind\n${steps}`, { cause: error })
    }
  }
}

export const isSameTree = (observed: Tree, expected: Tree): boolean => {
  try {
    assertSameTree(observed, expected)
    return true
  } catch {
    return false
  }
}

export function assertSameTree(observed: Tree, expected: Tree): void {
  assert.deepEqual([...observed.keys()].sort(), [...expected.keys()].sort())
  for (const [path, state] of expected) {
    const { size, ...rest } = state
    const { size: seen, ...found } = observed.get(path) as typeof state
    assert.deepEqual(found, rest, path)
    if (size !== undefined) assert.equal(seen, size, `size of ${path}`)
  }
}

function shown({ errors, value }: { errors: ReadonlySet<Errno>; value: unknown }): string {
  const names = [...errors]
  return [...names, ...(value === undefined ? [] : ['success'])].join(' or ')
}
