import type { Store } from '../store/store.ts'
import { RowCodec } from './row-codec.ts'
import { extentSchema } from './rows.ts'

const CHUNK = 2000
const MAPS = ['extents', 'extents@'] as const

/**
 * Calls `mark` with every block that an extent refers to, live or within the retention window. Rows
 * move from the live map to the past one while it runs, never back, so looking at the live one
 * first misses none.
 */
export async function markBlocks(
  store: Store,
  mark: (id: string) => void,
  pause: () => Promise<void>,
): Promise<number> {
  const codec = new RowCodec(extentSchema)
  let rows = 0
  for (const name of MAPS) {
    const map = store.map(name)
    let from = Buffer.alloc(1)
    for (;;) {
      const last = markChunk(map.range(from, END), (row) => {
        const { block } = codec.decode(row)
        if (block !== '') mark(block)
        rows += 1
      })
      if (last === undefined) break
      // Right behind it: a key is never followed by nothing but a zero byte.
      from = Buffer.concat([last, Buffer.alloc(1)])
      await pause()
      store.refresh()
    }
  }
  return rows
}

const END = Buffer.alloc(32, 0xff)

/** A bounded number of rows; returns the last key, or undefined when there were fewer. */
function markChunk(
  rows: Iterable<{ readonly key: Buffer; readonly value: Buffer }>,
  each: (row: Buffer) => void,
): Buffer | undefined {
  let count = 0
  for (const { key, value } of rows) {
    each(value)
    count += 1
    if (count === CHUNK) return key
  }
  return undefined
}
