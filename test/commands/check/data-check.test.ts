import assert from 'node:assert/strict'
import { rmSync, statSync, truncateSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { SeededRandom, seedFromEnvironment } from '../../seeded-random.ts'
import { temporaryDirectory } from '../../temporary.ts'
import {
  check,
  copyDirectory,
  damageOne,
  filesOf,
  fillDirectory,
  KINDS,
  type Kind,
  type Run,
} from './damaged-copy.ts'

const areaOf = {
  journal: 'journal',
  segments: 'content',
  index: 'index',
  projections: 'projections',
} as const satisfies Record<Kind, string>

const TRIES = Number(process.env['DFS_DAMAGES'] ?? 25)

describe('a data directory', () => {
  const { path, remove } = temporaryDirectory('fsck')
  const good = join(path, 'good')
  const bad = join(path, 'bad')
  const seed = seedFromEnvironment()
  const random = new SeededRandom(seed)
  let whole: Run

  before(async () => {
    await fillDirectory(good, random)
    whole = await check(good)
  })
  after(remove)

  const fresh = (): string => {
    rmSync(bad, { recursive: true, force: true })
    return copyDirectory(good, bad)
  }

  test('that nothing is wrong with is found whole', () => {
    assert.deepEqual(whole.found, [])
    assert.ok(whole.records > 100 && whole.blocks > 40 && whole.extents > 50)
  })

  for (const kind of KINDS) {
    test(`shows damage to its ${kind} wherever it is`, async () => {
      let detected = 0
      for (let i = 0; i < TRIES; i++) {
        const { file, what } = damageOne(random, fresh(), kind)
        const context = `seed ${seed}, ${file}: ${what}`
        const run = await check(bad)
        // What lies on a page that nothing hangs on, or between blocks, damages nothing.
        if (run.findings === 0) assert.equal(run.digest, whole.digest, context)
        else detected += 1
        for (const { area } of run.found) assert.equal(area, areaOf[kind], context)
        const heals = kind === 'index' || kind === 'projections'
        if (!heals) continue
        assert.equal(run.healing, run.findings, context)
        const repaired = await check(bad, true)
        assert.equal(repaired.findings, run.findings, context)
        const again = await check(bad)
        assert.deepEqual(again.found, [], context)
        assert.equal(again.digest, whole.digest, context)
      }
      assert.ok(detected > TRIES / 8, `seed ${seed}: only ${detected} of ${TRIES} were detected`)
    })
  }

  test('names the file that a damaged block belongs to', async () => {
    const [, segment = ''] = filesOf(fresh(), 'segments')
    truncateSync(segment, statSync(segment).size - 100)
    const { found } = await check(bad)
    const [first] = found
    assert.equal(first?.area, 'content')
    assert.match(first?.means ?? '', /of \/export(\/below)?\/(file-|l)\d+ give an I\/O error/)
  })

  test('whose projections and index were deleted is whole, and gets them back', async () => {
    for (const kind of ['index', 'projections'] as const)
      unlinkSync(filesOf(fresh(), kind)[0] ?? '')
    const { findings, digest } = await check(bad)
    assert.equal(findings, 0)
    assert.equal(digest, whole.digest)
  })

  test('keeps its projections when the journal cannot make them anew', async () => {
    const [journal = ''] = filesOf(fresh(), 'journal')
    truncateSync(journal, 3 * 4096)
    const before = statSync(filesOf(bad, 'projections')[0] ?? '')
    const { found, repaired, healing } = await check(bad, true)
    assert.ok(found.length > 0)
    assert.deepEqual(repaired, [])
    assert.equal(healing, 0)
    assert.equal(statSync(filesOf(bad, 'projections')[0] ?? '').ino, before.ino)
  })
})
