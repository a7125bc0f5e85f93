/**
 * Consumers of the change feed, all in one process of their own: `feed-consumers.ts PRIORITY`. They
 * take what comes and look at none of it but its end. Each line on stdin, JSON, is answered by one.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setPriority } from 'node:os'
import { createInterface } from 'node:readline'

export interface ConsumersJob {
  readonly host: string
  readonly port: number
  readonly token: string
  /** What each asks for. */
  readonly queries: readonly string[]
}

export interface ConsumersReport {
  readonly bytes: number
  /** Of each the id that came last. */
  readonly cursors: readonly string[]
}

const ID = /"id":"([^"]+)"/g
/** Longer than any event of the bench. */
const TAIL_BYTES = 2048

class FeedTail {
  bytes = 0
  private tail: Buffer = Buffer.alloc(0)
  private readonly socket: Socket

  constructor({ host, port, token }: ConsumersJob, query: string) {
    this.socket = connect(port, host)
    const head = [
      `GET /v1/feed?${query} HTTP/1.1`,
      `Host: ${host}`,
      `Authorization: Bearer ${token}`,
    ]
    this.socket.write(`${head.join('\r\n')}\r\n\r\n`)
    this.socket.on('data', (bytes: Buffer) => {
      this.bytes += bytes.length
      const before = bytes.length < TAIL_BYTES ? this.tail : Buffer.alloc(0)
      this.tail = Buffer.concat([before, bytes.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES)
    })
  }

  begun(): Promise<unknown> {
    return once(this.socket, 'data')
  }

  leave(): void {
    this.socket.destroy()
  }

  get cursor(): string {
    return [...this.tail.toString('latin1').matchAll(ID)].at(-1)?.[1] ?? ''
  }
}

setPriority(Number(process.argv[2]))
let feeds: FeedTail[] = []

for await (const line of createInterface({ input: process.stdin })) {
  const request: Partial<ConsumersJob> & { readonly leave?: boolean } = JSON.parse(line)
  if (request.queries !== undefined) {
    const job = request as ConsumersJob
    feeds = job.queries.map((query) => new FeedTail(job, query))
    await Promise.all(feeds.map((feed) => feed.begun()))
  }
  const report: ConsumersReport = {
    bytes: feeds.reduce((sum, { bytes }) => sum + bytes, 0),
    cursors: feeds.map(({ cursor }) => cursor),
  }
  if (request.leave === true) for (const feed of feeds) feed.leave()
  process.stdout.write(`${JSON.stringify(report)}\n`)
}
process.exit(0)
