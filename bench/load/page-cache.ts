import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'

/**
 * Makes the kernel forget what it has of files, so that they are read from disk again. False when
 * this user may not.
 */
export function dropPageCache(): boolean {
  execFileSync('sync')
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3')
    return true
  } catch {
    return false
  }
}
