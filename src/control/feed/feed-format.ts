/**
 * How events, and what is said beside them, go over HTTP. Everything is one chunk (RFC 9112 7.1).
 */
import { type Batch, type Encoded, eventsBehind } from './batch.ts'
import type { Position } from './cursor.ts'
import { fullType } from './event-types.ts'
import type { FeedEvent } from './feed-event.ts'

/** `sse`: server-sent events (WHATWG HTML 9.2). `ndjson`: one JSON text a line. */
export type FeedFormat = 'sse' | 'ndjson'

export const LAST_CHUNK = Buffer.from('0\r\n\r\n')

const contentTypes = {
  sse: 'text/event-stream; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
} as const satisfies Record<FeedFormat, string>

/** Milliseconds after which browsers connect again. */
const RETRY_MILLIS = 2000

export function responseHead(format: FeedFormat, cursor: string): Buffer {
  const lines = [
    'HTTP/1.1 200 OK',
    `Date: ${new Date().toUTCString()}`,
    `Content-Type: ${contentTypes[format]}`,
    'Cache-Control: no-store',
    // Proxies that collect before they pass on would hold the feed up.
    'X-Accel-Buffering: no',
    `DittoFS-Cursor: ${cursor}`,
    'Transfer-Encoding: chunked',
    'Connection: close',
  ]
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
  // A browser that is cut off before the first event has where it began.
  const first = format === 'sse' ? chunk(`retry: ${RETRY_MILLIS}\nid: ${cursor}\n\n`) : NOTHING
  return Buffer.concat([head, first])
}

const NOTHING = Buffer.alloc(0)

function chunk(text: string): Buffer {
  if (text === '') return NOTHING
  const length = Buffer.byteLength(text)
  return Buffer.from(`${length.toString(16)}\r\n${text}\r\n`)
}

/** Events that a filter wants, `most` at most. */
export function encodeEvents(
  batch: Batch,
  position: Position,
  format: FeedFormat,
  wants: (event: FeedEvent) => boolean,
  most: number,
): Encoded & { readonly last: FeedEvent | undefined } {
  let text = ''
  let count = 0
  let last: FeedEvent | undefined
  for (const event of eventsBehind(batch, position)) {
    if (!wants(event)) continue
    text += format === 'sse' ? `id: ${event.id}\ndata: ${event.json}\n\n` : `${event.json}\n`
    count += 1
    last = event
    if (count === most) break
  }
  return { bytes: chunk(text), count, last }
}

export interface Notice {
  readonly type: 'heartbeat' | 'ended'
  readonly cursor: string
  readonly data: Readonly<Record<string, unknown>>
}

/** Says where the consumer is, when there is no event to say it. */
export function encodeNotice(format: FeedFormat, { type, cursor, data }: Notice): Buffer {
  const json = JSON.stringify({
    specversion: '1.0',
    id: cursor,
    source: '/v1/feed',
    type: fullType(`feed.${type}`),
    time: new Date().toISOString(),
    data,
  })
  if (format === 'ndjson') return chunk(`${json}\n`)
  // Without data a browser takes the id and tells nobody.
  if (type === 'heartbeat') return chunk(`: heartbeat\nid: ${cursor}\n\n`)
  return chunk(`event: ${type}\nid: ${cursor}\ndata: ${json}\n\n`)
}
