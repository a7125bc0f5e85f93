/** A consumer of the change feed, as anybody would write one: HTTP and lines of text. */
import type { RunningServer } from './running-server.ts'

export interface CloudEvent {
  readonly specversion: string
  readonly id: string
  readonly source: string
  readonly type: string
  readonly subject?: string
  readonly time: string
  readonly data: Readonly<Record<string, unknown>>
}

type Query = Readonly<Record<string, string | number | boolean>>

const PREFIX = 'io.dittofs.'

export const shortType = ({ type }: CloudEvent): string => type.slice(PREFIX.length)
const isNotice = (event: CloudEvent): boolean => event.type.startsWith(`${PREFIX}feed.`)

/** `file.created /docs/a.txt`, and for what was renamed both. */
export function summary(event: CloudEvent): string {
  const { data, subject = '-' } = event
  return `${shortType(event)} ${'from' in data ? `${data['from']} > ` : ''}${subject}`
}

export function askFeed(
  server: Pick<RunningServer, 'api' | 'token'>,
  query: Query = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const text = Object.entries(query)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')
  return fetch(`http://${server.api}/v1/feed?${text}`, {
    headers: { authorization: `Bearer ${server.token}`, ...headers },
    signal: AbortSignal.timeout(60_000),
  })
}

export class FeedConsumer {
  /** Of the last event or notice. */
  cursor: string
  /** The notice that ended the stream. */
  ended: CloudEvent | undefined
  /** What was sent beside events: empty but for heartbeats. */
  readonly heartbeats: CloudEvent[] = []
  private readonly lines: AsyncIterator<string>
  private readonly sse: boolean

  private constructor(response: Response) {
    this.cursor = response.headers.get('dittofs-cursor') ?? ''
    this.sse = /event-stream/.test(response.headers.get('content-type') ?? '')
    this.lines = linesOf(response)
  }

  static async open(
    server: Pick<RunningServer, 'api' | 'token'>,
    query: Query = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<FeedConsumer> {
    const response = await askFeed(server, query, headers)
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
    return new FeedConsumer(response)
  }

  /** The next event; undefined at the end, whatever ended it. */
  async next(): Promise<CloudEvent | undefined> {
    for (;;) {
      const text = await this.nextText()
      if (text === undefined) return undefined
      const event: CloudEvent = JSON.parse(text)
      this.cursor = event.id
      if (!isNotice(event)) return event
      if (shortType(event) === 'feed.ended') this.ended = event
      else this.heartbeats.push(event)
    }
  }

  private async nextText(): Promise<string | undefined> {
    for (;;) {
      const { done, value } = await this.lines.next()
      if (done) return undefined
      if (!this.sse) return value
      if (value.startsWith('data: ')) return value.slice('data: '.length)
      if (value.startsWith('id: ')) this.cursor = value.slice('id: '.length)
    }
  }

  async take(count: number): Promise<CloudEvent[]> {
    const events: CloudEvent[] = []
    while (events.length < count) {
      const event = await this.next()
      if (event === undefined) throw new Error(`ended after ${events.length} events`)
      events.push(event)
    }
    return events
  }

  /** Up to the end of the stream. */
  async rest(): Promise<CloudEvent[]> {
    const events: CloudEvent[] = []
    for (let event = await this.next(); event !== undefined; event = await this.next()) {
      events.push(event)
    }
    return events
  }

  /** Goes away without a word. */
  async leave(): Promise<void> {
    await this.lines.return?.()
  }
}

/** Whole lines; a part of one that is cut off does not count. Ends when the connection breaks. */
async function* linesOf(response: Response): AsyncIterator<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const bytes of response.body as AsyncIterable<Uint8Array>) {
      text += decoder.decode(bytes, { stream: true })
      const lines = text.split('\n')
      text = lines.pop() as string
      yield* lines
    }
  } catch (error) {
    // Node says so when the other side is gone.
    if ((error as Error).name !== 'TypeError') throw error
  }
}

/** Everything that a query finds now. */
export async function eventsNow(
  server: Pick<RunningServer, 'api' | 'token'>,
  query: Query = {},
): Promise<CloudEvent[]> {
  const consumer = await FeedConsumer.open(server, { after: 'oldest', follow: false, ...query })
  const events = await consumer.rest()
  if (consumer.ended === undefined) throw new Error('the stream broke off')
  return events
}
