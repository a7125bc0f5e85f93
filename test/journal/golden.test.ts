/**
 * Journals of every version that was ever released: they open, are whole, and mean what they meant.
 * `journal/` in them is never changed; records.ndjson and expected.json say what it is read as
 * today, and change with an upcast, or with rows that are stored otherwise: see what changes.
 */
import assert from 'node:assert/strict'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { unpackAccesses } from '../../src/journal/access-batch.ts'
import { eventSpecs } from '../../src/journal/events.ts'
import { checkOffline, dataBelow, ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'
import { accessesOf, folded, lineOf } from './golden/folded.ts'

const GOLDEN = join(import.meta.dirname, 'golden')
const versions = readdirSync(GOLDEN).filter((name) => /^v\d+$/.test(name))

for (const version of versions) {
  const root = join(GOLDEN, version)
  const read = (name: string): string => readFileSync(join(root, name), 'utf8')

  test(`the golden journal ${version} is what it was`, async () => {
    const { records, digest, verified } = await folded(join(root, 'journal'))
    assert.equal(records.map(lineOf).join(''), read('records.ndjson'))
    // The first version has none.
    const said = existsSync(join(root, 'accesses.ndjson')) ? read('accesses.ndjson') : ''
    assert.equal(accessesOf(records), said)
    const head = verified.tail.hash.toString('hex')
    assert.deepEqual({ head, digest }, JSON.parse(read('expected.json')))
  })

  test(`a server goes on from the golden journal ${version}`, async () => {
    const directory = temporaryDirectory('golden')
    const data = dataBelow(directory.path)
    try {
      cpSync(join(root, 'journal'), join(data, 'journal'), { recursive: true })
      const before = await checkOffline(data)
      const { digest } = JSON.parse(read('expected.json'))
      assert.deepEqual([before.digest, before.rebuilt], [digest, digest])
      const server = await ServerProcess.start({ data })
      await server.administer('POST', '/v1/shares', { name: '/new' })
      await server.kill()
      const after = await checkOffline(data)
      assert.equal(after.digest, after.rebuilt)
      assert.ok(after.seq > before.seq)
    } finally {
      directory.remove()
    }
  })
}

test('accesses are in a golden journal, with all that a batch can say', async () => {
  const batches = []
  for (const version of versions) {
    const { records } = await folded(join(GOLDEN, version, 'journal'))
    for (const { accesses, sec, nsec } of records) {
      if (accesses !== undefined) batches.push(unpackAccesses(accesses, { sec, nsec }))
    }
  }
  const all = batches.flatMap(({ accesses }) => accesses)
  const names = new Set(all.map(({ name }) => name))
  assert.ok(names.size >= 4 && names.size < all.length / 4, 'names come again')
  assert.ok([...names].some((name) => name.length === 1024))
  assert.ok([...names].some((name) => /[\x80-\xff]/.test(name)))
  for (const field of ['op', 'client', 'uid', 'gid', 'refusal'] as const) {
    assert.ok(new Set(all.map(({ context }) => context[field])).size >= 2, field)
  }
  assert.ok(new Set(all.map(({ ino }) => ino)).size >= 3)
  assert.ok(new Set(all.map(({ sec }) => sec)).size >= 10)
  const repeated = all.flatMap((access) => access.repeated ?? [])
  assert.ok(repeated.some(({ times }) => times === 2) && repeated.some(({ times }) => times > 2))
})

test('every event in every version is in a golden journal', async () => {
  const written = new Set<string>()
  for (const version of versions) {
    const { stored, compressed } = await folded(join(GOLDEN, version, 'journal'))
    for (const event of stored) written.add(event)
    assert.ok(compressed, 'a frame is compressed')
  }
  // An event that is new, or has a new version, is not released yet; those before it are.
  const missing = Object.entries(eventSpecs).flatMap(([type, { code, version: now }]) =>
    Array.from({ length: now - 1 }, (_, i) => i + 1)
      .filter((version) => !written.has(`${code}.${version}`))
      .map((version) => `${type} version ${version}`),
  )
  assert.deepEqual(missing, [])
  assert.ok(written.size >= 29, `${written.size} events`)
})
