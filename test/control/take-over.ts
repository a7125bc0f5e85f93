import { setTimeout as sleep } from 'node:timers/promises'
import { dataPaths } from '../../src/commands/data-directory.ts'
import { claim } from '../../src/journal/journal.ts'
import { LmdbJournal } from '../../src/journal/lmdb.ts'

const SETTLED_MILLIS = 250

/** Becomes the writer of a running server's journal, so that its next append is refused. */
export async function takeOver(data: string): Promise<void> {
  const journal = await LmdbJournal.open({ dir: dataPaths(data).journal })
  // What is durable in the tail log only would be lost, and the server would refuse to go on.
  for (let seq = -1; ; await sleep(SETTLED_MILLIS)) {
    const tail = await journal.tail()
    if (tail.seq === seq) break
    seq = tail.seq
  }
  const sec = Math.floor(Date.now() / 1000) + 1
  await claim(journal, 'another', () => ({ sec, nsec: 0 }))
  await journal.close()
}
