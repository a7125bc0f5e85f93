import { mkdir } from 'node:fs/promises'
import { RealDisk } from '../content/disk.ts'
import { LmdbJournal } from '../journal/lmdb.ts'
import { recoverTail, restoreBlocks } from '../journal/recover-tail.ts'
import { readTail } from '../journal/tail-log.ts'
import { NAME_1, readTail1, restore1 } from '../journal/tail-version-1.ts'
import type { Log } from '../platform/log.ts'
import type { DataPaths } from './data-directory.ts'

/**
 * Brings what only the tail log has into the journal and segments of a data directory, which must
 * be locked. Returns the number of frames.
 */
export async function recoverJournal(paths: DataPaths, log?: Log): Promise<number> {
  await mkdir(paths.journal, { recursive: true, mode: 0o700 })
  const disk = new RealDisk(paths.journal)
  const older = readTail1(disk)
  const content = readTail(disk)
  const found = [older, content].some(({ entries, strays }) => entries.length + strays.length > 0)
  if (!found) return 0
  const journal = await LmdbJournal.open({ dir: paths.journal })
  try {
    const segments = new RealDisk(paths.segments)
    let frames = await recoverTail({
      ...{ journal, content: older },
      restore: (entries) => restore1(segments, entries),
    })
    if (disk.list().includes(NAME_1)) disk.remove(NAME_1)
    frames += await recoverTail({
      ...{ journal, content },
      restore: (entries) => restoreBlocks(segments, entries),
    })
    if (frames > 0) log?.info({ frames }, 'took the tail log into the journal')
    return frames
  } finally {
    await journal.close()
  }
}
