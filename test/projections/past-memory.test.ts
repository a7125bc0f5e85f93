import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PastMemory } from '../../src/projections/past-memory.ts'

class View {
  held = 0
  private readonly memory: PastMemory

  constructor(memory: PastMemory) {
    this.memory = memory
  }

  remember(bytes: number): void {
    this.held += bytes
    this.memory.add(this, bytes)
  }

  forget(): void {
    this.held = 0
  }
}

describe('the memory of past moments', () => {
  test('is all there for a single one', () => {
    const view = new View(new PastMemory(1000))
    for (let i = 0; i < 10; i++) view.remember(100)
    assert.equal(view.held, 1000)
    view.remember(1)
    assert.equal(view.held, 0, 'and it begins anew when it is full')
    view.remember(1000)
    assert.equal(view.held, 1000)
  })

  test('is never exceeded, and those forget first that are not in use', () => {
    const memory = new PastMemory(1000)
    const views = Array.from({ length: 20 }, () => new View(memory))
    for (let i = 0; i < 2000; i++) {
      const view = views[(i * 7) % views.length] as View
      view.remember(30)
      const sum = views.reduce((all, { held }) => all + held, 0)
      assert.ok(sum <= 1000, `${sum} bytes`)
      assert.ok(view.held > 0, 'the one in use keeps what it has')
    }
  })

  test('is free again when a view is dropped', () => {
    const memory = new PastMemory(1000)
    const [first, second] = [new View(memory), new View(memory)]
    first.remember(900)
    memory.drop(first)
    assert.equal(first.held, 0)
    second.remember(1000)
    assert.equal(second.held, 1000)
  })
})
