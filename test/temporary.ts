import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A directory of the test's own, and how to be rid of it. */
export function temporaryDirectory(name: string): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), `dfs-${name}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
