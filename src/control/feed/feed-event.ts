/** One event of the change feed: CloudEvents 1.0 in JSON. docs/formats/change-feed.md. */

import { timeName } from '../../commands/moments.ts'
import { readable } from '../../commands/past/share-path.ts'
import type { JournalRecord } from '../../journal/record.ts'
import { cursorText } from './cursor.ts'
import { type FeedType, fullType } from './event-types.ts'

export interface FeedEvent {
  readonly seq: number
  /** Of the event in its record. */
  readonly index: number
  /** The name of the share. */
  readonly share: string
  readonly type: FeedType
  /** What it is about, for filters: paths in the share as bytes (latin1). */
  readonly paths: readonly string[]
  /** It has more names than are told: no filter by path may leave it out. */
  readonly everywhere: boolean
  /** It is about all that is below its paths too. */
  readonly tree: boolean
  readonly id: string
  readonly json: string
}

/** What is told of an event beside what all have. */
export interface Told {
  readonly paths: readonly string[]
  readonly everywhere: boolean
  readonly tree: boolean
  /** The path to show, as bytes; undefined: it has none, or one that is too long. */
  readonly subject: string | undefined
  readonly data: Readonly<Record<string, unknown>>
}

/** Who did it, and where from. */
export interface Author {
  readonly user: { readonly uid: number; readonly gid: number; readonly name?: string }
  readonly client: string
  readonly operation: string
}

export interface Envelope {
  readonly stream: string
  readonly record: JournalRecord
  readonly index: number
  readonly type: FeedType
  readonly share: string
  readonly author: Author
}

export function feedEvent(envelope: Envelope, told: Told): FeedEvent {
  const { stream, record, index, type, share, author } = envelope
  const { paths, everywhere, tree, subject, data } = told
  const { seq } = record
  const id = cursorText(stream, { seq, index })
  const json = JSON.stringify({
    specversion: '1.0',
    id,
    source: sourceOf(share),
    type: fullType(type),
    ...(subject !== undefined && { subject: readable(subject) }),
    time: timeName(record),
    data: { share, ...pathFields('path', subject), ...data, ...author },
  })
  return { seq, index, share, type, paths, everywhere, tree, id, json }
}

const sources = new Map<string, string>()

/** A URI reference: where the API has the share. */
function sourceOf(share: string): string {
  let source = sources.get(share)
  if (source === undefined) {
    source = `/v1/shares/${encodeURIComponent(share)}`
    sources.set(share, source)
  }
  return source
}

/**
 * A path as text, and as it is where text cannot say it: names are bytes, and need not be UTF-8.
 */
export function pathFields(name: string, path: string | undefined): Record<string, string | null> {
  if (path === undefined) return { [name]: null }
  const text = readable(path)
  const bytes = Buffer.from(path, 'latin1')
  if (isAscii(path) || Buffer.from(text, 'utf8').equals(bytes)) return { [name]: text }
  return { [name]: text, [`${name}Bytes`]: bytes.toString('base64') }
}

/** Of bytes as characters: those from 0x80 on take two bytes in UTF-8. */
const isAscii = (path: string): boolean => Buffer.byteLength(path, 'utf8') === path.length
