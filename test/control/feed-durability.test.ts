/** What the change feed promises across crashes, restarts, rebuilds, and the end of retention. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { Session } from '../protocols/session.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { temporaryDirectory } from '../temporary.ts'
import { assertProblem } from './assert-problem.ts'
import { askFeed, type CloudEvent, eventsNow, FeedConsumer, summary } from './feed-consumer.ts'
import { RunningServer, runProgram } from './running-server.ts'
import { takeOver } from './take-over.ts'

const start = (data: string) => RunningServer.start(data, '--share-squash', 'none')

const millis = (time: number) => new Promise<void>((resolve) => setTimeout(resolve, time))

/** Goes on until it has been told to stop or the server is gone; returns what was acknowledged. */
class Writer {
  readonly done: string[] = []
  private stopped = false
  private readonly working: Promise<void>

  constructor(port: number, first: number) {
    this.working = this.work(port, first)
  }

  private async work(port: number, first: number): Promise<void> {
    const session = await Session.open(port)
    try {
      for (let i = first; !this.stopped; i++) {
        await session.create(session.root, `f${i}`)
        this.done.push(`file.created /f${i}`)
        if (i % 3 !== 0) continue
        await session.rename(session.root, `f${i}`, session.root, `g${i}`)
        this.done.push(`entry.renamed /f${i} > /g${i}`)
      }
    } catch {
      // The server was killed.
    } finally {
      await session.close().catch(() => undefined)
    }
  }

  async stop(): Promise<readonly string[]> {
    this.stopped = true
    await this.working
    return this.done
  }
}

describe('a consumer', () => {
  const { path: data, remove } = temporaryDirectory('feed-crash')
  const random = new SeededRandom(seedFromEnvironment())
  const told: CloudEvent[] = []
  let server: RunningServer

  before(async () => {
    server = await start(data)
  })
  after(async () => {
    await server.stop()
    remove()
  })

  test(`misses nothing while the server is killed again and again (${random.seed})`, async () => {
    const acknowledged: string[] = []
    let cursor = 'oldest'
    for (let life = 0; life < 4; life++) {
      const writer = new Writer(server.nfsPort, life * 100_000)
      const feed = await FeedConsumer.open(server, { after: cursor })
      const reading = feed.rest().then((events) => {
        told.push(...events)
        cursor = events.at(-1)?.id ?? cursor
      })
      await millis(300 + random.below(700))
      await server.kill()
      await reading
      acknowledged.push(...(await writer.stop()))
      server = await start(data)
    }
    const missed = await FeedConsumer.open(server, { after: cursor, follow: false })
    told.push(...(await missed.rest()))
    assert.ok(told.length > 50, String(told.length))
    assert.deepEqual(told, await eventsNow(server), 'neither a gap nor a repetition')
    const summaries = new Set(told.map(summary))
    assert.deepEqual(
      acknowledged.filter((one) => !summaries.has(one)),
      [],
      'all that was acknowledged was told',
    )
  })

  test('is told the same again after a rebuild, behind any cursor', async () => {
    assert.equal(await server.stop(), 0)
    const rebuilt = await runProgram('dfs', ['rebuild', '--data', data])
    assert.equal(rebuilt.status, 0, rebuilt.stderr)
    server = await start(data)
    assert.deepEqual(await eventsNow(server), told)
    for (let i = 0; i < 20; i++) {
      const at = random.below(told.length)
      const behind = await eventsNow(server, { after: told[at]!.id, limit: 50 })
      assert.deepEqual(behind, told.slice(at + 1, at + 51), told[at]!.id)
    }
  })

  test('is told where it was when the server stops', async () => {
    const feeds = await Promise.all([
      FeedConsumer.open(server),
      FeedConsumer.open(server, {}, { accept: 'text/event-stream' }),
    ])
    const session = await Session.open(server.nfsPort)
    await session.create(session.root, 'last')
    await session.close()
    for (const feed of feeds) assert.equal(summary((await feed.next())!), 'file.created /last')
    const rests = feeds.map((feed) => feed.rest())
    assert.equal(await server.stop(), 0)
    for (const [i, rest] of rests.entries()) {
      assert.deepEqual(await rest, [])
      const { data: ended } = feeds[i]!.ended!
      assert.equal(ended['reason'], 'shutdown')
      assert.equal(ended['cursor'], feeds[i]!.cursor)
    }
    server = await start(data)
    assert.deepEqual(await eventsNow(server, { after: feeds[0]!.cursor }), [])
  })

  test('that takes nothing does not keep the server from stopping', async () => {
    const socket = connect(Number(server.api.split(':').at(-1)), '127.0.0.1')
    await once(socket, 'connect')
    const head = ['GET /v1/feed HTTP/1.1', 'Host: x', `Authorization: Bearer ${server.token}`]
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    await once(socket, 'readable')
    socket.pause()
    assert.equal(await server.stop(), 0)
    socket.destroy()
    server = await start(data)
  })
})

describe('a stream that breaks', () => {
  const { path: data, remove } = temporaryDirectory('feed-broken')
  let server: RunningServer

  before(async () => {
    server = await start(data)
  })
  after(async () => {
    await server.stop()
    remove()
  })

  const create = async (name: string) => {
    const session = await Session.open(server.nfsPort)
    await session.create(session.root, name)
    await session.close()
  }

  test('ends the feed, which goes on when it is opened again', async () => {
    const feed = await FeedConsumer.open(server)
    await create('before')
    assert.equal(summary((await feed.next())!), 'file.created /before')
    assert.match(await server.metrics(), /^dittofs_feed_consumers 1$/m)
    await takeOver(data)
    await server.ask('POST', '/v1/shares', { name: '/late' })
    assert.deepEqual(await feed.rest(), [])
    assert.equal(feed.ended?.data['reason'], 'shutdown')
    while ((await server.send('/health')).status !== 200) await millis(100)
    const again = await FeedConsumer.open(server, { after: feed.cursor })
    await create('afterwards')
    assert.equal(summary((await again.next())!), 'file.created /afterwards')
    await again.leave()
  })
})

describe('retention', () => {
  const { path: data, remove } = temporaryDirectory('feed-retention')
  let server: RunningServer

  before(async () => {
    server = await start(data)
  })
  after(async () => {
    await server.stop()
    remove()
  })

  test('ends what a cursor is good for, with a word', async () => {
    const session = await Session.open(server.nfsPort)
    const dir = await session.mkdir(session.root, 'd')
    await session.create(dir, 'a')
    const [first] = await eventsNow(server, { share: '/export', path: '/d' })
    await session.create(dir, 'b')
    await server.ask('POST', '/v1/shares', { name: '/kept' })
    const options = { retain: 1 }
    const name = encodeURIComponent('/export')
    assert.equal((await server.ask('PATCH', `/v1/shares/${name}`, { options })).status, 200)
    await millis(2100)
    await session.create(dir, 'c')
    await session.close()
    assert.equal((await server.ask('POST', '/v1/collection')).status, 200)

    for (const share of [{}, { share: '/export' }] as const) {
      const response = await askFeed(server, { ...share, after: first!.id })
      const body = JSON.parse(await response.text())
      assertProblem({ status: response.status, headers: response.headers, body }, 410, /no longer/)
    }
    const kept = await eventsNow(server, { share: '/kept', after: first!.id })
    assert.deepEqual(kept.map(summary), ['share.created -'], 'the other share keeps longer')
    const oldest = await eventsNow(server, { share: '/export' })
    assert.deepEqual(oldest.map(summary).at(-1), 'file.created /d/c')
    assert.ok(!oldest.map(summary).includes('directory.created /d'))
  })
})
