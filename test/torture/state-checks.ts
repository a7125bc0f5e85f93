/** What must be true of a data directory, whatever its server was killed in the middle of. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { digestFindings } from '../../src/commands/check/digest-check.ts'
import { ExtentCheck } from '../../src/commands/check/extent-check.ts'
import type { Finding } from '../../src/commands/check/finding.ts'
import { storedRows } from '../../src/commands/check/stored-rows.ts'
import { TreeCheck } from '../../src/commands/check/tree-check.ts'
import type { DataPaths } from '../../src/commands/data-directory.ts'
import { blockId, headerSize } from '../../src/content/block.ts'
import { BlockIndex } from '../../src/content/block-index.ts'
import { RealDisk } from '../../src/content/disk.ts'
import { blockAt, segmentName } from '../../src/content/segment.ts'
import { isHole } from '../../src/journal/fields.ts'
import { LmdbJournal } from '../../src/journal/lmdb.ts'
import { verifyJournal } from '../../src/journal/verify.ts'
import { MiB } from '../../src/platform/limits.ts'
import { Follower } from '../../src/projections/follower.ts'
import { shareOf } from '../../src/projections/node-id.ts'
import { tableSpecs } from '../../src/projections/rows.ts'
import { World } from '../../src/projections/world.ts'
import { LmdbStore } from '../../src/store/lmdb-store.ts'

const MEMORY = 64 * MiB
const specs = tableSpecs(0)

/**
 * The stored state as it lies there, behind the journal or not: a whole tree, whole files. Resolves
 * to its digest.
 */
export async function checkProjections(paths: DataPaths): Promise<string> {
  const store = new LmdbStore(paths.projections)
  try {
    const world = new World(store, MEMORY)
    const findings: Finding[] = [...new ExtentCheck(world).findings()]
    for await (const finding of new TreeCheck(world).findings()) findings.push(finding)
    findings.push(...digestFindings(store, world.control.shares.values()))
    assert.deepEqual(findings, [])
    return world.digest()
  } finally {
    await store.close()
  }
}

/** From the first record on: checksums, the hash chain, records. Resolves to the last record. */
export async function checkJournal(paths: DataPaths): Promise<number> {
  const journal = await LmdbJournal.open({ dir: paths.journal, readOnly: true })
  try {
    const { tail } = await verifyJournal(journal)
    return tail.seq
  } finally {
    await journal.close()
  }
}

/** Every block that an extent names, live or within retention, is in a segment, and is itself. */
export async function checkContent(paths: DataPaths): Promise<number> {
  const store = new LmdbStore(paths.projections)
  const index = new BlockIndex(new LmdbStore(paths.index))
  const disk = new RealDisk(paths.segments)
  try {
    const needed = neededBlocks(new World(store, MEMORY))
    for (const [id, length] of needed) {
      const name = Buffer.from(id, 'latin1').toString('hex')
      const place = index.get(id)
      assert.ok(place !== undefined, `block ${name} is in no segment`)
      assert.ok(place.length >= length, `block ${name} has ${place.length} bytes, not ${length}`)
      checkBlock(disk, id, name, place)
    }
    return needed.size
  } finally {
    await index.close()
    await store.close()
  }
}

function checkBlock(
  disk: RealDisk,
  id: string,
  name: string,
  { segment, offset, length }: { segment: number; offset: number; length: number },
): void {
  const file = disk.open(segmentName(segment))
  try {
    assert.equal(blockAt(file, segment, offset, true)?.id, id, `block ${name} is damaged`)
    const bytes = Buffer.alloc(length)
    file.read(bytes, offset + headerSize(length))
    assert.equal(blockId(bytes), id, `block ${name} has other bytes than its name says`)
  } finally {
    file.close()
  }
}

/** How many bytes of each block something refers to. */
function neededBlocks(world: World): Map<string, number> {
  const needed = new Map<string, number>()
  for (const past of [false, true]) {
    for (const { group, value, seq } of storedRows(world.store, specs.extents, past)) {
      if (isHole({ offset: 0, ...value })) continue
      const ended = past ? seq : world.graves.get(group, 0)?.since
      if (ended !== undefined && ended <= world.horizon(shareOf(group))) continue
      const end = value.blockOffset + value.length
      needed.set(value.block, Math.max(end, needed.get(value.block) ?? 0))
    }
  }
  return needed
}

/** The journal folded anew, apart from the server, from where it was at the last look on. */
export class Rebuild {
  private readonly journal: string
  private readonly store: string

  constructor(paths: DataPaths, scratch: string) {
    this.journal = paths.journal
    this.store = join(scratch, 'rebuilt', 'projections.mdb')
  }

  /** Folds what is there: the last record, and the digest behind it. */
  async catchUp(): Promise<{ readonly seq: number; readonly digest: string }> {
    const journal = await LmdbJournal.open({ dir: this.journal, readOnly: true })
    const store = new LmdbStore(this.store)
    try {
      const world = new World(store, MEMORY)
      await new Follower({ world, journal }).catchUp()
      return { seq: world.seq, digest: world.digest() }
    } finally {
      await store.close()
      await journal.close()
    }
  }
}
