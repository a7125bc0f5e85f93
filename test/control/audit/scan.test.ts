/**
 * Audits of a random past: paths are those that the tree had then, found out by another way, and
 * what the index leads to is what looking at every record finds.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Command } from '../../../src/commands/deciders.ts'
import type { Engine } from '../../../src/commands/engine.ts'
import { NO_ORIGIN } from '../../../src/commands/stream.ts'
import { noAttributes } from '../../../src/commands/tree/new-object.ts'
import { AccessBlocks } from '../../../src/control/audit/access-blocks.ts'
import { BlockContext } from '../../../src/control/audit/block-context.ts'
import { recordMatches, subjectMatches } from '../../../src/control/audit/criteria.ts'
import { type AuditEntry, entryOf, tell } from '../../../src/control/audit/entry.ts'
import type { AuditQuery, Criteria } from '../../../src/control/audit/query.ts'
import { AuditScan, type Found } from '../../../src/control/audit/scan.ts'
import { unpackAccesses } from '../../../src/journal/access-batch.ts'
import { commandCodes, operations } from '../../../src/journal/command-names.ts'
import type { Event } from '../../../src/journal/events.ts'
import { recordsOf } from '../../../src/journal/frame.ts'
import { LmdbJournal } from '../../../src/journal/lmdb.ts'
import type { JournalRecord } from '../../../src/journal/record.ts'
import { refusals } from '../../../src/journal/refusal.ts'
import { unpackContext } from '../../../src/projections/audit-context.ts'
import {
  AUDIT_CONTEXTS,
  BLOCK_RECORDS,
  blockKey,
  blockOf,
} from '../../../src/projections/audit-index.ts'
import { ANY_REFUSAL } from '../../../src/projections/audit-keys.ts'
import { fileKind, ROOT_INO } from '../../../src/projections/inode.ts'
import { copyRow } from '../../../src/projections/row-codec.ts'
import { pathOf } from '../../../src/projections/tree-view.ts'
import { LmdbStore } from '../../../src/store/lmdb-store.ts'
import { openEngine, SHARE } from '../../commands/engine-fixture.ts'
import { SeededRandom, seedFromEnvironment } from '../../seeded-random.ts'
import { temporaryDirectory } from '../../temporary.ts'

const { path: data, remove } = temporaryDirectory('audit-scan')
after(remove)

const COMMANDS = 3000
const OPENINGS = 4
const seed = seedFromEnvironment()
const random = new SeededRandom(seed)
const NAMES = ['a', 'b', 'c', 'dé', 'e e']

/** Inodes that are there, and some that are not any more. */
function aCommand(engine: Engine, inos: number[]): Command {
  const share = SHARE
  const view = engine.world.live(share)
  const directories = inos.filter((ino) => view.inode(ino)?.kind === fileKind.directory)
  const [dir, toDir] = [random.pick(directories), random.pick(directories)]
  const name = Buffer.from(random.pick(NAMES)).toString('latin1')
  const toName = Buffer.from(random.pick(NAMES)).toString('latin1')
  const ino = random.pick(inos)
  const attributes = noAttributes
  const [verifier, size] = [undefined, undefined]
  const none = { mode: undefined, uid: undefined, gid: undefined, size, guard: undefined }
  switch (random.below(10)) {
    case 0:
    case 1:
      return { type: 'CreateDirectory', share, dir, name, attributes }
    case 2:
    case 3:
      return { type: 'CreateFile', share, dir, name, how: 'guarded', verifier, attributes, size }
    case 4:
      return { type: 'LinkEntry', share, ino, dir, name }
    case 5:
      return { type: 'RemoveFile', share, dir, name }
    case 6:
      return { type: 'RemoveDirectory', share, dir, name }
    case 7:
      return { type: 'RenameEntry', share, fromDir: dir, fromName: name, toDir, toName }
    default: {
      const [atime, mtime] = [undefined, undefined]
      return {
        type: 'ChangeAttributes',
        share,
        ino,
        ...none,
        mode: random.below(512),
        atime,
        mtime,
      }
    }
  }
}

/** What nobody changes anything by, also of what is not there any more. */
function access({ stream }: Engine, inos: number[]): void {
  const op = operations['nfs3.READ']
  const name = random.below(2) === 0 ? Buffer.from(random.pick(NAMES)).toString('latin1') : ''
  for (let i = random.below(5); i >= 0; i--) {
    const refusal = random.pick([0, 0, refusals.accessDenied])
    const who = { uid: 1000 + random.below(40), gid: 1 }
    stream.accesses.note(op, 0, who, SHARE, refusal, random.pick(inos), name)
  }
}

async function work(engine: Engine, count: number, inos: number[]): Promise<void> {
  const { stream } = engine
  for (let i = 0; i < count; i++) {
    if (random.below(3) === 0) access(engine, inos)
    const origin = { ...NO_ORIGIN, uid: 1000 + random.below(40), op: operations['nfs3.LINK'] }
    const decision = stream.submit(aCommand(engine, inos), origin)
    assert.ok(typeof decision !== 'string')
    const { outcome } = decision
    const made = outcome.kind === 'accepted' && outcome.events[0]?.type.endsWith('Created')
    if (made) inos.push(outcome.ino)
    if (i % 50 === 0) await stream.whenDurable(stream.decided)
    if (random.below(400) === 0) await engine.follower.flush()
  }
  await engine.drain()
}

const isEntry = (event: Event): event is Extract<Event, { dir: number }> => 'dir' in event

/** As the world tells them: before the record for directories, after it for the rest. */
function pathsIn({ world }: Engine, record: JournalRecord): (string | undefined)[] {
  const { seq, share, events, about } = record
  const below = (dir: number, name: string) => {
    const path = pathOf(world.asOf(share, seq - 1), dir)
    return path === undefined ? undefined : `/export${path === '/' ? '' : path}/${name}`
  }
  const at = (ino: number) => {
    const path = pathOf(world.asOf(share, seq), ino)
    return path === undefined ? undefined : `/export${path === '/' ? '' : path}`
  }
  const renamed = events.find((event) => event.type === 'EntryRenamed')
  const [event] = events
  if (renamed !== undefined) {
    const { fromDir, fromName, toDir, toName } = renamed
    return [below(fromDir, fromName), below(toDir, toName)]
  }
  if (event !== undefined && isEntry(event)) return [below(event.dir, event.name), undefined]
  if (event?.type === 'AttributesChanged') return [at(event.ino), undefined]
  if (about === undefined) return [undefined, undefined]
  if (about.dir === 0) return [at(about.ino), undefined]
  const to = about.toDir === 0 ? undefined : below(about.toDir, about.toName)
  return [below(about.dir, about.name), to]
}

function accessesBySight(
  record: JournalRecord,
  packed: Buffer,
  store: LmdbStore,
  query: AuditQuery,
): AuditEntry[] {
  const all = new AccessBlocks(store).entries(record, packed, { ...query, criteria: {} })
  const { user, what, results, share, path } = query.criteria
  return all.filter((entry) => {
    if (user !== undefined && !user.uids.includes(entry.uid)) return false
    if (what !== undefined && !what.operations.includes(operations['nfs3.READ'])) return false
    const refused = entry.result !== 'ok'
    if (results?.includes(0) === true && refused) return false
    if (results?.includes(ANY_REFUSAL) === true && !refused) return false
    if (results?.includes(refusals.exists) === true) return false
    if (share !== undefined && entry.share !== share) return false
    const bytes = Buffer.from(entry.path ?? '').toString('latin1')
    return path === undefined || bytes === path || bytes.startsWith(`${path}/`)
  })
}

/** Where accesses led as the world tells it: nothing has changed between them and their record. */
function accessPaths({ world }: Engine, record: JournalRecord): (string | undefined)[] {
  const { accesses } = unpackAccesses(record.accesses as Buffer, record)
  return accesses.map(({ ino, name }) => {
    const path = pathOf(world.asOf(SHARE, record.seq - 1), ino)
    if (path === undefined) return undefined
    const bytes = `/export${path === '/' ? '' : path}${name === '' ? '' : `/${name}`}`
    return Buffer.from(bytes, 'latin1').toString('utf8')
  })
}

/** Every record that is asked for, without the filters. */
function* bySight(records: readonly JournalRecord[], store: LmdbStore, query: AuditQuery) {
  let context: BlockContext | undefined
  for (const record of records) {
    if ((record.seq - 1) % BLOCK_RECORDS === 0 || context === undefined) {
      const row = store.map(AUDIT_CONTEXTS).get(blockKey(blockOf(record.seq))) as Buffer
      context = new BlockContext(unpackContext(copyRow(row)))
    }
    context.advance(record)
    if (record.accesses !== undefined) {
      yield* accessesBySight(record, record.accesses, store, query)
      continue
    }
    const told = tell(record, context)
    if (recordMatches(record, context, query) && subjectMatches(told, query.criteria)) {
      yield entryOf(told)
    }
  }
}

test(`a random past, seed ${seed}`, async (t) => {
  const inos = [ROOT_INO]
  for (let i = 0; i < OPENINGS; i++) {
    const engine = await openEngine(data)
    await work(engine, COMMANDS / OPENINGS, inos)
    await engine.close()
  }
  const engine = await openEngine(data)
  t.after(() => engine.close())
  const { seq: to } = await engine.follower.flush()
  const journal = await LmdbJournal.open({ dir: engine.paths.journal, readOnly: true })
  const store = new LmdbStore(engine.paths.projections)
  t.after(() => Promise.all([journal.close(), store.close()]))
  const records: JournalRecord[] = []
  for await (const frame of journal.stored(1)) records.push(...recordsOf(frame))
  const scan = new AuditScan(journal, store)
  let blocksRead = 0
  const ask = async (criteria: Criteria, newestFirst = false): Promise<AuditEntry[]> => {
    const times = { since: undefined, until: undefined }
    const query: AuditQuery = { from: 1, to, newestFirst, ...times, criteria, format: 'json' }
    const lines: string[] = []
    let next: number | undefined = newestFirst ? to : 1
    while (next !== undefined) {
      const found: Found = await scan.step({ query, at: next, limit: Number.POSITIVE_INFINITY })
      lines.push(...found.text.split('\n').slice(0, -1))
      blocksRead += found.blocksRead
      next = found.next
    }
    const entries = lines.map((line) => JSON.parse(line) as AuditEntry)
    const sight = [...bySight(records, store, query)].map((e) => JSON.parse(JSON.stringify(e)))
    assert.deepEqual(newestFirst ? entries.toReversed() : entries, sight, JSON.stringify(criteria))
    return entries
  }
  const all = await ask({})
  const places = all.map(({ seq, index = 0 }) => seq * 10_000 + index)
  assert.deepEqual(
    places,
    [...new Set(places)].sort((a, b) => a - b),
  )
  assert.deepEqual(
    all.map(({ time }) => time).toSorted(),
    all.map(({ time }) => time),
  )
  const bySeq = Map.groupBy(all, ({ seq }) => seq)
  assert.equal(bySeq.size, to)
  let told = 0
  for (const record of records) {
    const entries = bySeq.get(record.seq) as AuditEntry[]
    if (record.accesses !== undefined) {
      assert.deepEqual(
        entries.map(({ path }) => path),
        accessPaths(engine, record),
      )
      continue
    }
    assert.equal(entries.length, 1)
    if (record.share === 0 || record.events[0]?.type === 'ShareCreated') continue
    const { path, to: toPath } = entries[0] as AuditEntry
    const [expected, expectedTo] = pathsIn(engine, record)
    const text = (bytes?: string) => bytes && Buffer.from(bytes, 'latin1').toString('utf8')
    assert.deepEqual([path, toPath], [text(expected), text(expectedTo)], `record ${record.seq}`)
    if (path !== undefined) told += 1
  }
  assert.ok(told > COMMANDS / 2, `${told} paths`)
  assert.ok(records.filter(({ refusal }) => refusal !== 0).length > COMMANDS / 10)

  const paths = all.flatMap(({ path }) => (path === undefined ? [] : [path]))
  for (let i = 0; i < 12; i++) {
    const path = Buffer.from(random.pick(paths)).toString('latin1')
    const user = { uids: [1000 + random.below(45)], actors: [] }
    const what = random.pick([
      { operations: [], commands: [commandCodes.RenameEntry] },
      { operations: [operations['nfs3.LINK']], commands: [] },
      { operations: [operations['nfs3.READ']], commands: [] },
    ])
    const results = random.pick([[0], [ANY_REFUSAL], [refusals.noEntry, refusals.exists]])
    await ask({ path })
    await ask({ path, user }, true)
    await ask({ user, what, results })
    await ask({ what, results, share: '/export' }, true)
  }
  await ask({ share: '/other' })
  const before = blocksRead
  await ask({ path: '/export/never' })
  // One filter in a thousand may err, and there is one for each record with accesses.
  assert.ok(blocksRead - before < 8, 'what was never there is hardly looked for')
})
