/** What must be true of what a machine keeps, looked at apart from the engine that runs on it. */
import assert from 'node:assert/strict'
import { digestFindings } from '../../src/commands/check/digest-check.ts'
import { ExtentCheck } from '../../src/commands/check/extent-check.ts'
import type { Finding } from '../../src/commands/check/finding.ts'
import { storedRows } from '../../src/commands/check/stored-rows.ts'
import { TreeCheck } from '../../src/commands/check/tree-check.ts'
import { blockId } from '../../src/content/block.ts'
import { isHole } from '../../src/journal/fields.ts'
import { MiB } from '../../src/platform/limits.ts'
import { tableSpecs } from '../../src/projections/rows.ts'
import { World } from '../../src/projections/world.ts'
import type { Machine } from './machine.ts'
import type { SimulatedEngine } from './simulated-engine.ts'

const specs = tableSpecs(0)

/** The projections are a whole tree and whole files, and have the digest of their last record. */
export async function checkStore(machine: Machine, digest: (seq: number) => string): Promise<void> {
  const store = machine.projections.open()
  const world = new World(store, MiB)
  const findings: Finding[] = [...new ExtentCheck(world).findings()]
  for await (const finding of new TreeCheck(world).findings()) findings.push(finding)
  findings.push(...digestFindings(store, world.control.shares.values()))
  assert.deepEqual(findings, [])
  assert.equal(world.digest(), digest(world.seq), 'stored digest')
}

/** Every block that an extent names, live or in the retention window, which is behind `pruned`. */
export async function checkBlocks(
  { projections, holes }: Machine,
  { blocks }: SimulatedEngine,
  pruned: number,
): Promise<void> {
  const store = projections.open()
  const { graves } = new World(store, MiB)
  const lengths = new Map<string, number>()
  for (const past of [false, true]) {
    for (const { group, value, seq } of storedRows(store, specs.extents, past)) {
      // A rebuild has again what was pruned: of that, content may be collected already.
      const ended = past ? seq : graves.get(group, 0)?.since
      if (ended !== undefined && ended <= pruned) continue
      if (isHole({ offset: 0, ...value })) continue
      const end = value.blockOffset + value.length
      lengths.set(value.block, Math.max(end, lengths.get(value.block) ?? 0))
    }
  }
  for (const [id, needed] of lengths) {
    if (holes && blocks.locate(id) === undefined) await blocks.search(id)
    const { length } = blocks.locate(id) ?? { length: 0 }
    const name = Buffer.from(id, 'latin1').toString('hex')
    assert.ok(length >= needed, `block ${name} has ${length} bytes, and ${needed} are used`)
    const bytes = await blocks.read(id, 0, length)
    assert.equal(blockId(Buffer.from(bytes)), id, `block ${name} is another`)
  }
}
