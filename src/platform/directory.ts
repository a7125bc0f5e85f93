/**
 * Directories whose entries outlive a power cut. Syncing a file makes its bytes durable; its name
 * is in its directory, which has to be synced by itself (POSIX.1-2017, fsync), whatever some file
 * systems do beyond that.
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'

/** Makes the names in a directory durable. */
export function syncDirectory(path: string): void {
  // Windows has nothing of the kind, and needs nothing.
  if (process.platform === 'win32') return
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Makes a directory, for its owner alone, and those above it; durable when it returns. */
export function makeDirectory(path: string): void {
  // Also when it is there: who made it may have been killed before its name was durable.
  const first = mkdirSync(path, { recursive: true, mode: 0o700 }) ?? path
  for (let at = path; at.length >= first.length; at = dirname(at)) syncDirectory(dirname(at))
}
