import { existsSync, statSync } from 'node:fs'
import { LmdbFile } from './lmdb-file.ts'
import { PageError } from './lmdb-page.ts'

/**
 * What is wrong with a file as LMDB would read it; undefined when it can be opened. Goes on only
 * when others had their turn. `ends`: whether its first pages and its roots are there, and no more.
 */
export async function lmdbDamage(
  path: string,
  depth: 'pages' | 'ends',
): Promise<string | undefined> {
  let found: string | undefined
  let file: LmdbFile
  try {
    // One that is not there, or has nothing in it, LMDB begins.
    if (!existsSync(path) || statSync(path).size === 0) return undefined
    file = new LmdbFile(path, ({ page, what }) => {
      found ??= `page ${page}: ${what}`
    })
  } catch (error) {
    if (!(error instanceof PageError)) throw error
    return error.message
  }
  try {
    let n = 0
    for (const _ of depth === 'pages' ? file.all() : file.roots()) {
      if (found !== undefined) break
      n += 1
      if (n % TURN === 0) await new Promise<void>((resolve) => setImmediate(resolve))
    }
    return found
  } finally {
    file.close()
  }
}

/** Entries that are looked at in one turn: a few milliseconds. */
const TURN = 5000
