import { existsSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { MiB } from '../platform/limits.ts'
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
  const ahead = depth === 'pages' ? new ReadAhead(path) : undefined
  try {
    let n = 0
    for (const _ of depth === 'pages' ? file.pages() : file.roots()) {
      if (found !== undefined) break
      n += 1
      if (n % TURN === 0) await new Promise<void>((resolve) => setImmediate(resolve))
    }
    return found
  } finally {
    await ahead?.stop()
    file.close()
  }
}

/** Pages that are looked at in one turn: a few milliseconds. */
const TURN = 500

/**
 * Reads a file from its beginning to its end into the kernel's cache, while it is looked at in the
 * order of its trees: page by page a disk takes many times longer for it. Without it the answer is
 * the same, so nothing that goes wrong here matters.
 */
class ReadAhead {
  private stopped = false
  private readonly done: Promise<void>

  constructor(path: string) {
    // Of a larger file the pages would be gone again before they are looked at.
    const fits = statSync(path).size < totalmem() / 2
    this.done = fits ? this.run(path).catch(() => undefined) : Promise.resolve()
  }

  private async run(path: string): Promise<void> {
    const file = await open(path, 'r')
    let next = 0
    const reader = async () => {
      const chunk = Buffer.allocUnsafeSlow(CHUNK)
      while (!this.stopped) {
        const at = next
        next += CHUNK
        if ((await file.read(chunk, 0, CHUNK, at)).bytesRead === 0) return
      }
    }
    try {
      // Several, since the next one is asked for only when it is not this thread's turn.
      await Promise.all(Array.from({ length: READERS }, reader))
    } finally {
      await file.close()
    }
  }

  stop(): Promise<void> {
    this.stopped = true
    return this.done
  }
}

const CHUNK = 4 * MiB
const READERS = 3
