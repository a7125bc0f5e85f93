/** What a golden journal is compared by. */
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { unpackMultiple } from 'msgpackr'
import { unpackAccesses } from '../../../src/journal/access-batch.ts'
import { type Frame, recordsOf } from '../../../src/journal/frame.ts'
import { LmdbJournal } from '../../../src/journal/lmdb.ts'
import type { JournalRecord } from '../../../src/journal/record.ts'
import { type Verified, verifyJournal } from '../../../src/journal/verify.ts'
import { MiB } from '../../../src/platform/limits.ts'
import { Follower } from '../../../src/projections/follower.ts'
import { World } from '../../../src/projections/world.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { temporaryDirectory } from '../../temporary.ts'

export interface Folded {
  readonly verified: Verified
  /** Events as they are stored, each as CODE.VERSION; and whether a frame is compressed. */
  readonly stored: ReadonlySet<string>
  readonly compressed: boolean
  readonly records: readonly JournalRecord[]
  /** Of the state that they lead to. */
  readonly digest: string
}

/** Looks at a copy of a journal: LMDB writes lock files beside what it reads. */
export async function folded(dir: string): Promise<Folded> {
  const copy = temporaryDirectory('golden')
  try {
    for (const name of readdirSync(dir)) cpSync(join(dir, name), join(copy.path, name))
    const journal = await LmdbJournal.open({ dir: copy.path, readOnly: true })
    const verified = await verifyJournal(journal)
    const records: JournalRecord[] = []
    const stored = new Set<string>()
    let compressed = false
    for await (const frame of journal.stored(1)) {
      records.push(...recordsOf(frame))
      for (const version of versionsIn(frame)) stored.add(version)
      compressed ||= frame.payload.length > frame.bytes.length
    }
    const world = new World(new MemoryStore(), 8 * MiB)
    await new Follower({ world, journal }).catchUp()
    await journal.close()
    return { verified, stored, compressed, records, digest: world.digest() }
  } finally {
    copy.remove()
  }
}

/** What stands in a frame, before anything is lifted to the version of today. */
function versionsIn({ payload }: Frame): readonly string[] {
  const records = unpackMultiple(payload) as readonly (readonly unknown[])[]
  return records.flatMap((record) => {
    const events = record[12] as readonly (readonly [code: number, version: number])[]
    return events.map(([code, version]) => `${code}.${version}`)
  })
}

/** A record as one line of JSON; bytes are characters up to U+00FF. */
export const lineOf = (record: JournalRecord): string => `${JSON.stringify(record)}\n`

/** What the batches of accesses in records say: a line for each batch, one for each access. */
export function accessesOf(records: readonly JournalRecord[]): string {
  const lines: string[] = []
  for (const { seq, sec, nsec, accesses: packed } of records) {
    if (packed === undefined) continue
    const { dropped, accesses } = unpackAccesses(packed, { sec, nsec })
    lines.push(JSON.stringify({ seq, dropped, count: accesses.length }))
    for (const access of accesses) lines.push(JSON.stringify(access))
  }
  return lines.map((line) => `${line}\n`).join('')
}
