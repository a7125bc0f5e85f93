/** Consumers of the feed's process in this one: bounds, turns and who is too slow. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { dataPaths } from '../../src/commands/data-directory.ts'
import { Consumer, type Hall, type Subscription } from '../../src/control/feed/consumer.ts'
import { type Position, parseCursor, WHOLE } from '../../src/control/feed/cursor.ts'
import { Lanes } from '../../src/control/feed/lanes.ts'
import { LmdbJournal } from '../../src/journal/lmdb.ts'
import { Waiters } from '../../src/journal/waiters.ts'
import { StoredPast } from '../../src/projections/stored-past.ts'
import { LmdbStore } from '../../src/store/lmdb-store.ts'
import { Session } from '../protocols/session.ts'
import { temporaryDirectory } from '../temporary.ts'
import { type CloudEvent, shortType } from './feed-consumer.ts'
import { RunningServer } from './running-server.ts'

const FILES = 1500
const STALL_MILLIS = 2000
const HEARTBEAT_MILLIS = 100
const { path: data, remove } = temporaryDirectory('feed-lanes')
const closers: (() => unknown)[] = [remove]
let hall: Hall
let head: number
let news: Waiters
let listener: Server

/** Events of some KiB each, so that many do not fit in what a connection takes unread. */
async function makeEvents(): Promise<void> {
  const server = await RunningServer.start(data, '--share-squash', 'none')
  const session = await Session.open(server.nfsPort)
  let dir = session.root
  for (let depth = 0; depth < 12; depth++) dir = await session.mkdir(dir, 'd'.repeat(250))
  for (let i = 0; i < FILES; i += 50) {
    const names = Array.from({ length: 50 }, (_, j) => `f${i + j}`)
    await Promise.all(names.map((name) => session.create(dir, name)))
  }
  await session.close()
  assert.equal(await server.stop(), 0)
}

before(async () => {
  await makeEvents()
  const paths = dataPaths(data)
  const journal = await LmdbJournal.open({ dir: paths.journal, readOnly: true })
  const store = new LmdbStore(paths.projections, { readOnly: true })
  const past = new StoredPast(store)
  head = past.refresh()
  news = new Waiters()
  const stream = '0123456789ab'
  const lanes = new Lanes({ journal, past, stream, head: () => head }, () => news.wake())
  hall = {
    stream,
    lanes,
    news,
    horizonOf: () => 0,
    heartbeatMillis: HEARTBEAT_MILLIS,
    stallMillis: STALL_MILLIS,
  }
  const ticking = setInterval(() => news.wake(), 25)
  listener = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  closers.push(
    () => clearInterval(ticking),
    () => listener.close(),
    () => journal.close(),
    () => store.close(),
  )
})
after(async () => {
  for (const close of closers.reverse()) await close()
})

const START: Position = { seq: 0, index: WHOLE }

interface Client {
  readonly socket: Socket
  readonly consumer: Consumer
  /** Of the server's side. */
  readonly served: Socket
  readonly reason: ReturnType<Consumer['run']>
}

async function client(over: Partial<Subscription> = {}): Promise<Client> {
  const filter = { share: '', path: '', types: [] }
  const subscription: Subscription = {
    filter,
    format: 'ndjson',
    after: START,
    limit: 0,
    until: head,
    ...over,
  }
  const accepted = once(listener, 'connection')
  const socket = connect((listener.address() as AddressInfo).port, '127.0.0.1')
  socket.pause()
  const [served] = (await accepted) as [Socket]
  const consumer = new Consumer(served, subscription, hall)
  return { socket, consumer, served, reason: consumer.run() }
}

/** Everything up to the end of the connection, out of the chunks that it comes in. */
async function received({ socket }: Client): Promise<CloudEvent[]> {
  const parts: Buffer[] = []
  for await (const bytes of socket) parts.push(bytes as Buffer)
  const body = Buffer.concat(parts)
  const lines: string[] = []
  for (let at = body.indexOf('\r\n\r\n') + 4; at < body.length; ) {
    const end = body.indexOf('\r\n', at)
    const length = Number.parseInt(body.toString('latin1', at, end), 16)
    lines.push(body.toString('utf8', end + 2, end + 2 + length))
    at = end + 2 + length + 2
  }
  return lines
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

const isNotice = (event: CloudEvent): boolean => shortType(event).startsWith('feed.')
const idsOf = (events: readonly CloudEvent[]) =>
  events.filter((event) => !isNotice(event)).map(({ id }) => id)

async function allIds(): Promise<string[]> {
  return idsOf(await received(await client()))
}

test('who takes nothing is cut off, with little in memory and a cursor to go on with', async () => {
  const all = await allIds()
  const slow = await client()
  let most = 0
  const watching = setInterval(() => {
    most = Math.max(most, slow.served.writableLength)
  }, 5)
  assert.equal(await slow.reason, 'slow')
  clearInterval(watching)
  assert.ok(most > 0 && most < 512 * 1024, `${most} bytes waited`)
  const events = await received(slow)
  const ended = events.at(-1) as CloudEvent
  assert.equal(ended.data['reason'], 'slow')
  const got = idsOf(events)
  assert.ok(got.length < all.length)
  assert.equal(ended.data['cursor'], slow.consumer.cursor)
  const behind = parseCursor(slow.consumer.cursor) as Position
  const rest = idsOf(await received(await client({ after: behind })))
  assert.deepEqual([...got, ...rest], all)
})

test('more consumers than lanes all get everything, beside some who are away', async () => {
  const all = await allIds()
  const away: Client[] = []
  for (let i = 0; i < 8; i++) away.push(await client())
  const starts = Array.from({ length: 24 }, (_, i) => Math.floor((i * all.length) / 25))
  const receiving: Promise<CloudEvent[]>[] = []
  for (const at of starts) {
    receiving.push(received(await client({ after: parseCursor(all[at] as string) as Position })))
  }
  const results = await Promise.all(receiving)
  for (const [i, events] of results.entries()) {
    assert.deepEqual(idsOf(events), all.slice((starts[i] as number) + 1), `from ${starts[i]}`)
    assert.equal(events.at(-1)?.data['reason'], 'head')
  }
  for (const { reason, socket } of away) {
    assert.equal(await reason, 'slow')
    socket.destroy()
  }
})

test('who wants nothing that happens hears where they are', async () => {
  const filter = { share: '', path: '', types: ['share.deleted'] } as const
  const quiet = await client({ filter, until: null })
  setTimeout(() => quiet.consumer.end('shutdown'), 5 * HEARTBEAT_MILLIS)
  const events = await received(quiet)
  const types = events.map(shortType)
  assert.ok(types.length >= 3, types.join())
  assert.ok(types.slice(0, -1).every((type) => type === 'feed.heartbeat'))
  assert.equal(events.at(-1)?.data['cursor'], `${hall.stream}/${head}`)
})
