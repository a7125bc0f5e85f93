/**
 * Where a consumer of the change feed is: `stream/seq/index` right after an event, `stream/seq`
 * right after all of a record. docs/formats/change-feed.md.
 */
import { hash } from 'node:crypto'

export interface Position {
  readonly seq: number
  /** Of the last event of that record that is behind us; WHOLE when all of them are. */
  readonly index: number
}

export interface Cursor extends Position {
  readonly stream: string
}

export const WHOLE = Number.MAX_SAFE_INTEGER
const CURSOR = /^([0-9a-f]{12})\/(0|[1-9]\d{0,15})(?:\/(0|[1-9]\d{0,8}))?$/

/** undefined: this is no cursor. */
export function parseCursor(text: string): Cursor | undefined {
  const match = CURSOR.exec(text)
  if (match === null) return undefined
  const [, stream = '', seq, index] = match
  const cursor = { stream, seq: Number(seq), index: index === undefined ? WHOLE : Number(index) }
  return Number.isSafeInteger(cursor.seq) ? cursor : undefined
}

export const cursorText = (stream: string, { seq, index }: Position): string =>
  index === WHOLE ? `${stream}/${seq}` : `${stream}/${seq}/${index}`

/** Whether `a` is not behind `b`. */
export const reached = (a: Position, b: Position): boolean =>
  a.seq > b.seq || (a.seq === b.seq && a.index >= b.index)

/** The name of a journal for ever: it follows from the secret that it was begun with. */
export const streamName = (handleKey: string): string =>
  hash('sha256', `feed ${handleKey}`, 'hex').slice(0, 12)
