import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Journal } from '../../src/journal/journal.ts'
import { LmdbJournal } from '../../src/journal/lmdb.ts'
import { journalContract } from '../contracts/journal-contract.ts'
import { temporaryDirectory } from '../temporary.ts'

for (const segmentBytes of [undefined, 2000]) {
  const name = segmentBytes === undefined ? 'LMDB' : `LMDB rolling every ${segmentBytes} bytes`
  journalContract(name, async () => {
    const { path, remove } = temporaryDirectory('journal')
    const dir = join(path, 'journal')
    const opened: Journal[] = []
    const open = async (from = dir) => {
      const options = segmentBytes === undefined ? { dir: from } : { dir: from, segmentBytes }
      const journal = await LmdbJournal.open(options)
      opened.push(journal)
      return journal
    }
    return {
      journal: await open(),
      trims: segmentBytes !== undefined,
      other: () => open(),
      crash: () => {
        // LMDB has no volatile state of its own: what is in the files is what a kill leaves.
        const copy = join(path, 'after-crash')
        cpSync(dir, copy, { recursive: true, filter: (source) => !source.endsWith('-lock') })
        return open(copy)
      },
      dispose: async () => {
        for (const journal of opened) await journal.close()
        remove()
      },
    }
  })
}

test('a closed journal opens nothing, also for who was reading', async () => {
  const { path, remove } = temporaryDirectory('closed-journal')
  const dir = join(path, 'journal')
  await (await LmdbJournal.open({ dir })).close()
  const journal = await LmdbJournal.open({ dir, readOnly: true })
  const tail = journal.tail()
  const closed = journal.close()
  await assert.rejects(tail, { message: 'the journal is closed' })
  await closed
  await assert.rejects(journal.tail(), { message: 'the journal is closed' })
  remove()
})
