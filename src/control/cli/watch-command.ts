/** `dfsctl watch`: the change feed for people, and for scripts that do not want to speak HTTP. */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fullType } from '../feed/event-types.ts'
import { ApiClient, apiHelp, apiOptions } from './api-client.ts'
import { type CliCommand, type OptionValues, UsageError } from './commands.ts'
import { printable } from './printable.ts'

interface FeedLine {
  readonly id: string
  readonly type: string
  readonly time: string
  readonly data: Readonly<Record<string, unknown>>
}

const RETRY_MILLIS = 500
const RETRY_MILLIS_MAX = 10_000
/** The server says something every 15 s. */
const SILENT_MILLIS = 60_000
const PREFIX = fullType('')

export const watchCommand: CliCommand = {
  name: 'watch',
  summary: 'what changes, as it changes',
  usage: '[SHARE[:PATH]] [--types T,T] [--after CURSOR] [--limit N] [--no-follow] [--json]',
  help: `Prints a line for each change, of a share and a path in it and all below, until it is
interrupted. When the connection breaks or the server restarts it goes on where it was. What it
has printed last is on stderr at the end, as a cursor for --after.

  --types T,T          only these: file.created,entry.renamed; docs/guide/change-feed.md has all
  --after CURSOR       begin behind a cursor, or with what is "oldest"; without it with what
                       comes now
  --limit N            end after N changes
  --no-follow          end when all that was there has been printed

${apiHelp}
                       here: a CloudEvent on each line

Exit status 1 when there is no going on from the cursor: what follows it is no longer kept.`,
  options: {
    ...apiOptions,
    types: { type: 'string' },
    after: { type: 'string' },
    limit: { type: 'string' },
    follow: { type: 'boolean' },
  },
  operands: true,
  run: async ({ values, positionals }) => {
    const watch = new Watch(values, whereOf(positionals))
    const stop = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())
    // Who reads what we print has had enough.
    process.stdout.on('error', () => stop.abort())
    try {
      await watch.run(stop.signal)
    } finally {
      if (watch.cursor !== '') process.stderr.write(`--after ${watch.cursor}\n`)
    }
    return 0
  },
}

/** `SHARE:PATH`; a share's name may have a colon in it, a path begins with a slash behind one. */
function whereOf(positionals: readonly string[]): Record<string, string> {
  const [where, ...more] = positionals
  if (more.length > 0) throw new UsageError(`only SHARE:PATH expected, but also got ${more[0]}`)
  if (where === undefined) return {}
  const at = where.indexOf(':/')
  if (at < 0) return { share: where }
  return { share: where.slice(0, at), path: where.slice(at + 1) }
}

class Watch {
  cursor = ''
  private readonly api: ApiClient
  private readonly values: OptionValues
  private readonly where: Record<string, string>
  private left: number | undefined
  private over = false

  constructor(values: OptionValues, where: Record<string, string>) {
    const { after, limit } = values
    this.api = new ApiClient(values)
    this.values = values
    this.where = where
    if (typeof after === 'string') this.cursor = after
    if (limit !== undefined) this.left = countOf(String(limit))
  }

  async run(stop: AbortSignal): Promise<void> {
    let wait = RETRY_MILLIS
    for (let first = true; !stop.aborted && !this.over; first = false) {
      const before = this.cursor
      const response = await this.api.stream(`/v1/feed?${this.query()}`, stop, !first)
      if (response !== undefined) await this.print(response, stop)
      if (this.over) return
      // Somebody who cannot stay connected must not knock all the time.
      wait = this.cursor === before ? Math.min(2 * wait, RETRY_MILLIS_MAX) : RETRY_MILLIS
      await delay(wait, undefined, { signal: stop }).catch(() => undefined)
    }
  }

  private query(): URLSearchParams {
    const { types, follow } = this.values
    const query = new URLSearchParams(this.where)
    if (typeof types === 'string') query.set('types', types)
    if (follow === false) query.set('follow', 'false')
    if (this.left !== undefined) query.set('limit', String(this.left))
    if (this.cursor !== '') query.set('after', this.cursor)
    return query
  }

  private async print(response: Response, stop: AbortSignal): Promise<void> {
    this.cursor = response.headers.get('dittofs-cursor') ?? this.cursor
    for await (const line of linesOf(response, stop)) {
      const event: FeedLine = JSON.parse(line)
      const type = event.type.slice(PREFIX.length)
      if (type === 'feed.ended') this.ended(event)
      else if (type !== 'feed.heartbeat') {
        const json = this.values['json'] === true
        const taken = process.stdout.write(json ? `${line}\n` : textOf(type, event))
        if (!taken) await once(process.stdout, 'drain', { signal: stop }).catch(() => undefined)
        if (this.left !== undefined) this.left -= 1
      }
      this.cursor = event.id
      // Should the connection break before the server says so.
      if (this.left === 0) this.over = true
    }
  }

  private ended({ data }: FeedLine): void {
    const reason = data['reason']
    if (reason === 'limit' || reason === 'head') this.over = true
  }
}

/**
 * Whole lines of an answer until it ends, breaks off, or is silent for longer than the server ever
 * is. A part of a line that is cut off does not count.
 */
async function* linesOf(response: Response, stop: AbortSignal): AsyncIterable<string> {
  const reader = response.body?.getReader()
  if (reader === undefined) return
  const decoder = new TextDecoder()
  let text = ''
  const leave = () => void reader.cancel().catch(() => undefined)
  stop.addEventListener('abort', leave)
  try {
    for (;;) {
      const silent = setTimeout(leave, SILENT_MILLIS)
      const { done, value } = await reader.read().finally(() => clearTimeout(silent))
      if (done) return
      const lines = (text + decoder.decode(value, { stream: true })).split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) if (line !== '') yield line
    }
  } catch (error) {
    // What fetch says when the other side is gone.
    if (!(error instanceof TypeError)) throw error
  } finally {
    stop.removeEventListener('abort', leave)
    leave()
  }
}

function countOf(limit: string): number {
  if (/^[1-9]\d{0,8}$/.test(limit)) return Number(limit)
  throw new UsageError('--limit: a number above 0 expected')
}

const TIME_WIDTH = 24
const TYPE_WIDTH = 18

/** When, what, where, and who from where. */
function textOf(type: string, { time, data }: FeedLine): string {
  const { share, path, from, client, operation, user } = data
  const { uid, name } = user as { readonly uid: number; readonly name?: string }
  const at = `${share}${path === null ? '' : `:${path}`}`
  const moved = from === undefined ? '' : `${share}:${from} → `
  const when = `${time.slice(0, 23).replace(/Z$/, '')}Z`.padEnd(TIME_WIDTH)
  const who = `${name ?? uid}@${client} ${operation}`
  const what = `${type.padEnd(TYPE_WIDTH)}  ${printable(moved + at)}${detailOf(data)}`
  return `${when}  ${what}  (${who})\n`
}

function detailOf({ size, ranges, mode, last }: FeedLine['data']): string {
  const details: string[] = []
  if (Array.isArray(ranges)) {
    const bytes = ranges.reduce((sum: number, { length }) => sum + Number(length), 0)
    details.push(`${bytes} bytes, size ${size}`)
  } else if (mode !== undefined) details.push(`mode ${mode}`)
  if (last === false) details.push('has other names')
  return details.length === 0 ? '' : `  ${details.join(', ')}`
}
