/** How far heaps of a running server grow between two collections: src/platform/heap.ts. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { INSPECTABLE, Inspector, listeningAt, MAIN } from '../inspector.ts'
import { dataBelow, ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'

/**
 * Half as much again, and what is new: up to 16 MiB of it are not in the old part yet. With V8's
 * own choice, or two and a half times as much, it is 2.5 and above.
 */
const GROWTH_MAX = 2.1

/**
 * Runs in the server. Makes objects of which each lives for a while, and resolves to how much of
 * the old part of the heap was in use whenever a collection of all of it began, as a multiple of
 * what the one before had left.
 */
async function growths(): Promise<readonly number[]> {
  const { GCProfiler } = process.getBuiltinModule('node:v8')
  const kept = Array.from({ length: 400_000 }, (_, i) => ({ i, list: [i] }))
  const profiler = new GCProfiler()
  profiler.start()
  const recent: unknown[] = []
  for (let i = 0; i < 12_000_000; i++) {
    recent[i % 200_000] = { i, list: [i, kept[i % kept.length]] }
    if (i % 50_000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const collections = profiler.stop()?.statistics ?? []
  const old = ({ heapSpaceStatistics: spaces }: (typeof collections)[number]['beforeGC']) =>
    spaces.find(({ spaceName }) => spaceName === 'old_space')?.spaceUsedSize ?? 0
  const ratios: number[] = []
  let left: number | undefined
  for (const { gcType, beforeGC, afterGC } of collections) {
    if (gcType === 'IncrementalMarking' && left !== undefined) ratios.push(old(beforeGC) / left)
    if (gcType === 'MarkSweepCompact') left = old(afterGC)
  }
  return ratios
}

describe('a heap', () => {
  const directory = temporaryDirectory('heap')
  let server: ServerProcess
  let inspector: Inspector

  before(async () => {
    let address = ''
    server = await ServerProcess.start({
      data: dataBelow(directory.path),
      environment: { NODE_OPTIONS: INSPECTABLE },
      onLog: (line) => {
        address = listeningAt(line) ?? address
      },
    })
    inspector = await Inspector.open(address)
  })
  after(async () => {
    inspector?.close()
    await server?.kill()
    directory.remove()
  })

  for (const thread of [MAIN, 'follower']) {
    test(`is collected before it is much larger than it needs to be: ${thread}`, async (t) => {
      const ratios = [...(await inspector.run(thread, growths))].sort((a, b) => a - b)
      t.diagnostic(ratios.map((ratio) => ratio.toFixed(2)).join(' '))
      assert.ok(ratios.length >= 3, `collected ${ratios.length} times`)
      const median = ratios[ratios.length >> 1] as number
      assert.ok(median < GROWTH_MAX, `grows to ${median} times what is in use`)
    })
  }
})
