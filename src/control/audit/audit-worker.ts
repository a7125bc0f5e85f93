/**
 * The thread that audits are answered in: it reads the journal and the index, and writes nothing.
 */
import { workerData } from 'node:worker_threads'
import { LmdbJournal } from '../../journal/lmdb.ts'
import { type Instant, laterThan } from '../../platform/clock.ts'
import { serveThread, yieldToOthers } from '../../platform/thread.ts'
import { LmdbStore } from '../../store/lmdb-store.ts'
import type { AuditThreadData, Span } from './audit-thread.ts'
import { AuditScan, type Step } from './scan.ts'

const { journalDir, storePath } = workerData as AuditThreadData

yieldToOthers()
const journal = await LmdbJournal.open({ dir: journalDir, readOnly: true })
const store = new LmdbStore(storePath)
const scan = new AuditScan(journal, store)

interface Times {
  readonly since: Instant | undefined
  readonly until: Instant | undefined
  readonly to: number
}

/** What has not arrived in the journal's files is later than what has. */
async function spanOf({ since, until, to }: Times): Promise<Span> {
  journal.poke()
  const { time, seq } = await journal.tail()
  const before = since && justBefore(since)
  return {
    from: before === undefined ? 1 : await lastAt(before),
    to: until === undefined || !laterThan(time, until) ? to : Math.min(to, await lastAt(until)),
  }

  async function lastAt(moment: Instant): Promise<number> {
    return laterThan(moment, time) ? seq : journal.lastSeqAt(moment)
  }
}

const justBefore = ({ sec, nsec }: Instant): Instant =>
  nsec > 0 ? { sec, nsec: nsec - 1 } : { sec: sec - 1, nsec: 999_999_999 }

serveThread({
  span: (times: Times) => spanOf(times),
  step: (step: Step) => scan.step(step),
  close: async () => {
    await journal.close()
    await store.close()
  },
})
