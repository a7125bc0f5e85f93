import { mkdir } from 'node:fs/promises'
import { RealDisk } from '../content/disk.ts'
import { LmdbJournal } from '../journal/lmdb.ts'
import { recoverTail } from '../journal/recover-tail.ts'
import { readTail } from '../journal/tail-log.ts'
import type { Log } from '../platform/log.ts'
import type { DataPaths } from './data-directory.ts'

/**
 * Brings what only the tail log has into the journal and segments of a data directory, which must
 * be locked. Returns the number of frames.
 */
export async function recoverJournal(paths: DataPaths, log?: Log): Promise<number> {
  await mkdir(paths.journal, { recursive: true, mode: 0o700 })
  const disk = new RealDisk(paths.journal)
  const content = readTail(disk)
  if (content.entries.length + content.strays.length === 0) return 0
  const journal = await LmdbJournal.open({ dir: paths.journal })
  try {
    const frames = await recoverTail({ journal, content, segments: new RealDisk(paths.segments) })
    if (frames > 0) log?.info({ frames }, 'took the tail log into the journal')
    return frames
  } finally {
    await journal.close()
  }
}
