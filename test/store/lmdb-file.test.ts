import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { lmdbDamage } from '../../src/store/lmdb-damage.ts'
import { LmdbFile, type PageProblem } from '../../src/store/lmdb-file.ts'
import { PageError } from '../../src/store/lmdb-page.ts'
import { LmdbStore } from '../../src/store/lmdb-store.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { temporaryDirectory } from '../temporary.ts'

describe('an LMDB file without LMDB', () => {
  const { path, remove } = temporaryDirectory('pages')
  const seed = seedFromEnvironment()
  const random = new SeededRandom(seed)
  after(remove)

  const key = (): Buffer => random.bytes(random.between(1, 60))

  /** Random work in several commits, so that pages are freed and used again. */
  async function make(name: string, commits: number): Promise<Map<string, Buffer>> {
    const store = new LmdbStore(join(path, name))
    const model = new Map<string, Buffer>()
    store.map('a')
    for (let n = 0; n < commits; n++) {
      store.commit((writer) => {
        for (let i = random.below(200); i > 0; i--) {
          const k = key()
          const value = random.bytes(random.pick([0, 3, 90, 700, 5000, 40_000]))
          writer.put('a', k, value)
          model.set(k.toString('latin1'), value)
        }
        for (const k of model.keys()) {
          if (!random.chance(0.3)) continue
          writer.remove('a', Buffer.from(k, 'latin1'))
          model.delete(k)
        }
      })
    }
    await store.close()
    return model
  }

  /** Of all entries, read one by one. */
  function firstProblem(file: string): string | undefined {
    const problems: PageProblem[] = []
    try {
      const pages = new LmdbFile(file, (problem) => problems.push(problem))
      for (const _ of pages.all()) if (problems.length > 0) break
      pages.close()
    } catch (error) {
      if (error instanceof PageError) return error.message
      throw error
    }
    const [first] = problems
    return first && `page ${first.page}: ${first.what}`
  }

  test('has what LMDB has put there, and is whole after any number of commits', async () => {
    for (let commits = 0; commits < 25; commits += 1) {
      const file = join(path, `whole-${commits}.mdb`)
      const model = await make(`whole-${commits}.mdb`, commits)
      for (const depth of ['ends', 'pages'] as const) {
        assert.equal(await lmdbDamage(file, depth), undefined, `seed ${seed}, ${commits} ${depth}`)
      }
      const problems: PageProblem[] = []
      const pages = new LmdbFile(file, (problem) => problems.push(problem))
      const tree = pages.named().get('a')
      assert.ok(tree)
      const found = [...pages.entries(tree)].map((entry) => entry.key.toString('latin1'))
      assert.deepEqual(found, [...model.keys()].sort(), `seed ${seed}`)
      assert.deepEqual(problems, [])
      pages.close()
    }
  })

  test('never leads outside of itself, whatever is damaged in it', async () => {
    await make('bad.mdb', 12)
    const file = join(path, 'bad.mdb')
    const good = readFileSync(file)
    let detected = 0
    for (let i = 0; i < 400; i++) {
      const bytes = Buffer.from(good)
      for (let n = random.between(1, 4); n > 0; n--) {
        const at = random.below(bytes.length)
        // Headers and meta pages are where pointers are.
        const where = random.chance(0.5) ? at : at - (at % 4096) + random.below(64)
        bytes[where] = random.below(256)
      }
      writeFileSync(file, random.chance(0.1) ? bytes.subarray(0, random.below(good.length)) : bytes)
      const damage = await lmdbDamage(file, 'pages')
      if (damage !== undefined) detected += 1
      // The quick look at all pages sees what reading each entry sees.
      assert.equal(damage, firstProblem(file), `seed ${seed}, file ${i}`)
    }
    assert.ok(detected > 20, `seed ${seed}: ${detected} of 400 were detected`)
  })

  test('shows a map whose name or kind was damaged, also behind a clean stop', async () => {
    const file = join(path, 'names.mdb')
    const store = new LmdbStore(file)
    const value = Buffer.from('value')
    for (const name of ['blocks', 'other'])
      store.commit((w) => w.put(name, Buffer.from('k'), value))
    await store.close()
    const good = readFileSync(file)
    const flip = async (at: number, bit: number): Promise<string | undefined> => {
      const bytes = Buffer.from(good)
      bytes[at] = (bytes[at] as number) ^ (1 << bit)
      writeFileSync(file, bytes)
      return await lmdbDamage(file, 'ends')
    }
    // Pages of earlier commits have it too.
    const found = new Set<string | undefined>()
    for (let at = good.indexOf('blocks'); at >= 0; at = good.indexOf('blocks', at + 1)) {
      for (let byte = 0; byte < 'blocks'.length; byte++) found.add(await flip(at + byte, byte))
      // The node's flags are the four bytes before its key, with the size of that.
      found.add(await flip(at - 4, 1))
    }
    const whys = [...found].join()
    for (const why of [/a tree has the name "b/, /both values and trees/]) assert.match(whys, why)
  })
})
