/** The change feed over HTTP, of what an NFS client does. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { fullType } from '../../src/control/feed/event-types.ts'
import { Session } from '../protocols/session.ts'
import { temporaryDirectory } from '../temporary.ts'
import { assertProblem } from './assert-problem.ts'
import { askFeed, eventsNow, FeedConsumer, shortType, summary } from './feed-consumer.ts'
import { RunningServer } from './running-server.ts'

const { path: data, remove } = temporaryDirectory('feed')
let server: RunningServer
let client: Session

before(async () => {
  server = await RunningServer.start(data, '--share-squash', 'none')
  client = await Session.open(server.nfsPort)
})
after(async () => {
  await client.close()
  await server.stop()
  remove()
})

const ask = async (query: Record<string, string | number | boolean>) => {
  const response = await askFeed(server, query)
  const body = await response.text()
  return { status: response.status, headers: response.headers, body: JSON.parse(body) }
}

/** A directory of the test's own, and a consumer of all that happens in it. */
async function workplace(name: string) {
  const dir = await client.mkdir(client.root, name)
  const path = `/${name}`
  const events = async () => {
    const all = await eventsNow(server, { share: '/export', path })
    return all.map((event) => summary(event).replaceAll(path, ''))
  }
  return { dir, path, events }
}

describe('an event', () => {
  test('is a CloudEvent that says what, where, who and from where', async () => {
    const feed = await FeedConsumer.open(server)
    const dir = await client.mkdir(client.root, 'event', 0o750)
    const file = await client.create(dir, 'f')
    await client.write(file, 4096, 'x'.repeat(10))
    await client.set(file, { mode: 0o600, uid: 1000 })
    await client.set(file, { size: 3 })
    await client.symlink(dir, 's', 'f')
    await client.mknod(dir, 'p', { type: 7 })
    await client.link(file, dir, 'g')
    await client.rename(dir, 'f', client.root, 'h')
    await client.remove(client.root, 'h')
    await client.remove(dir, 'g')
    const events = await feed.take(12)
    await feed.leave()
    assert.deepEqual(events.map(summary), [
      'directory.created /event',
      'file.created /event/f',
      'content.changed /event/f',
      'attributes.changed /event/f',
      'content.changed /event/f',
      'symlink.created /event/s',
      'special.created /event/p',
      'entry.linked /event/g',
      'entry.renamed /event/f > /h',
      'entry.removed /h',
      'entry.removed /event/g',
      'inode.freed /event/g',
    ])
    const [made, , written, attributes, cut, symlink, fifo] = events
    assert.equal(made!.specversion, '1.0')
    assert.equal(made!.source, '/v1/shares/%2Fexport')
    assert.match(made!.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/)
    assert.match(made!.id, /^[0-9a-f]{12}\/\d+\/0$/)
    assert.deepEqual(made!.data, {
      share: '/export',
      path: '/event',
      inode: made!.data['inode'],
      kind: 'directory',
      mode: '0750',
      owner: { uid: 0, gid: 0 },
      user: { uid: 0, gid: 0 },
      client: '127.0.0.1',
      operation: 'nfs3.MKDIR',
    })
    assert.equal(written!.data['size'], 4106)
    assert.deepEqual(written!.data['ranges'], [{ offset: 4096, length: 10 }])
    assert.deepEqual(written!.data['holes'], [{ offset: 0, length: 4096 }])
    assert.deepEqual([attributes!.data['mode'], attributes!.data['owner']], ['0600', { uid: 1000 }])
    assert.deepEqual([cut!.data['size'], cut!.data['ranges']], [3, []])
    assert.equal(symlink!.data['target'], 'f')
    assert.equal(fifo!.data['kind'], 'fifo')
    assert.deepEqual([events[9]!.data['last'], events[10]!.data['last']], [false, true])
  })
})

describe('a cursor', () => {
  test('goes on anywhere, behind any event', async () => {
    const all = await eventsNow(server)
    assert.ok(all.length > 10)
    assert.equal(new Set(all.map(({ id }) => id)).size, all.length)
    for (const [i, { id }] of all.entries()) {
      const behind = await eventsNow(server, { after: id })
      assert.deepEqual(behind, all.slice(i + 1), id)
    }
  })

  test('of a header counts more than that of the query', async () => {
    const all = await eventsNow(server)
    const { id } = all[4]!
    const headers = { accept: 'text/event-stream', 'last-event-id': id }
    const feed = await FeedConsumer.open(server, { after: 'oldest', limit: 3 }, headers)
    assert.deepEqual(await feed.rest(), all.slice(5, 8))
    assert.equal(feed.ended?.data['reason'], 'limit')
    assert.equal(feed.cursor, all[7]!.id)
  })
})

describe('a path', () => {
  test('takes in what is moved into it, and out of it', async () => {
    const { dir, events } = await workplace('moves')
    await client.create(client.root, 'outside')
    await client.rename(client.root, 'outside', dir, 'inside')
    await client.rename(dir, 'inside', client.root, 'outside')
    await client.create(client.root, 'moves-not')
    assert.deepEqual(await events(), [
      'directory.created ',
      'entry.renamed /outside > /inside',
      'entry.renamed /inside > /outside',
    ])
  })

  test('is as of the record, whatever it is called today', async () => {
    const { dir, path } = await workplace('before')
    const file = await client.create(await client.mkdir(dir, 'd'), 'f')
    await client.rename(client.root, 'before', client.root, 'afterwards')
    await client.write(file, 0, 'x')
    const found = async (below: string) =>
      (await eventsNow(server, { share: '/export', path: below })).map(summary)
    const renamed = 'entry.renamed /before > /afterwards'
    assert.deepEqual(await found(path), [
      'directory.created /before',
      'directory.created /before/d',
      'file.created /before/d/f',
      renamed,
    ])
    assert.deepEqual(await found('/before/d'), [
      'directory.created /before/d',
      'file.created /before/d/f',
      renamed,
    ])
    const written = 'content.changed /afterwards/d/f'
    assert.deepEqual(await found('/afterwards'), [renamed, written])
    assert.deepEqual(await found('/afterwards/d/f/'), [renamed, written])
    assert.deepEqual(await found('/after'), [])
  })

  test('takes in what is done to a file under another of its names', async () => {
    const { dir, events } = await workplace('links')
    const file = await client.create(client.root, 'first')
    await client.link(file, dir, 'second')
    await client.write(file, 0, 'x')
    await client.remove(client.root, 'first')
    await client.write(file, 1, 'x')
    assert.deepEqual(await events(), [
      'directory.created ',
      'entry.linked /second',
      'content.changed /first',
      'content.changed /second',
    ])
  })

  test('in a fork is that of what it began with, until it is changed there', async () => {
    const { dir } = await workplace('base')
    const file = await client.create(dir, 'f')
    await client.link(file, client.root, 'other-name')
    const forks = `/v1/shares/${encodeURIComponent('/export')}/forks`
    assert.equal((await server.ask('POST', forks, { name: '/fork' })).status, 201)
    const fork = await Session.open(server.nfsPort, { uid: 0, gid: 0 }, '/fork')
    const forked = await fork.lookup(await fork.lookup(fork.root, 'base'), 'f')
    await fork.write(forked, 0, 'x')
    await fork.rename(fork.root, 'base', fork.root, 'moved')
    await fork.remove(fork.root, 'other-name')
    await fork.write(forked, 1, 'x')
    await fork.close()
    const found = await eventsNow(server, { share: '/fork' })
    assert.deepEqual(found.map(summary), [
      'share.forked -',
      'content.changed /base/f',
      'entry.renamed /base > /moved',
      'entry.removed /other-name',
      'content.changed /moved/f',
    ])
    assert.deepEqual(found[1]!.data['otherPaths'], ['/other-name'])
    assert.equal(found[3]!.data['last'], false)
    assert.equal(found[4]!.data['otherPaths'], undefined)
    const inBase = await eventsNow(server, { share: '/fork', path: '/base' })
    assert.deepEqual(inBase.map(summary), found.slice(1, 3).map(summary))
  })

  test('of the root is the whole share', async () => {
    const whole = await eventsNow(server, { share: '/export' })
    assert.deepEqual(await eventsNow(server, { share: '/export', path: '/' }), whole)
  })

  test('is text, and what is none comes as bytes too', async () => {
    // The client takes names as bytes.
    const utf8 = (name: string) => Buffer.from(name).toString('latin1')
    const dir = await client.mkdir(client.root, utf8('Süß'))
    await client.create(dir, 'caf\xe9')
    const found = await eventsNow(server, { share: '/export', path: '/Süß' })
    assert.deepEqual(found.map(summary), ['directory.created /Süß', 'file.created /Süß/caf\ufffd'])
    const [made, created] = found.map((event) => event.data)
    assert.equal(made!['pathBytes'], undefined)
    const bytes = Buffer.from(String(created!['pathBytes']), 'base64')
    assert.equal(bytes.toString('latin1'), `${utf8('/Süß')}/caf\xe9`)
  })
})

describe('filters', () => {
  test('by type take full names and short ones', async () => {
    const all = await eventsNow(server)
    for (const types of ['entry.removed,file.created', fullType('entry.removed')]) {
      const wanted = types.split(',').map((type) => type.replace('io.dittofs.', ''))
      const found = await eventsNow(server, { types })
      assert.ok(found.length > 0)
      assert.deepEqual(
        found,
        all.filter((event) => wanted.includes(shortType(event))),
      )
    }
  })

  test('by share know those of which there were several', async () => {
    await server.ask('POST', '/v1/shares', { name: '/second' })
    const other = await Session.open(server.nfsPort, { uid: 0, gid: 0 }, '/second')
    await other.mkdir(other.root, 'd')
    await other.close()
    const found = await eventsNow(server, { share: '/second' })
    assert.deepEqual(found.map(summary), ['share.created -', 'directory.created /d'])
    assert.equal(found[0]!.data['client'], '127.0.0.1')
    assert.equal(found[0]!.data['operation'], 'admin')
    const rest = await eventsNow(server, { share: '/export' })
    const all = await eventsNow(server)
    assert.deepEqual(
      rest,
      all.filter(({ data: { share } }) => share === '/export'),
    )
  })
})

describe('a request', () => {
  const wrong: readonly (readonly [Record<string, string>, number, RegExp])[] = [
    [{ share: '/none' }, 404, /no share \/none/],
    [{ path: '/x' }, 400, /a share has to be named/],
    [{ share: '/export', path: 'x' }, 400, /absolute path/],
    [{ share: '/export', path: '/a/../b' }, 400, /absolute path/],
    [{ share: '/export', path: '/a//b' }, 400, /absolute path/],
    [{ types: 'file.made' }, 400, /did you mean/],
    [{ types: 'file.created,' }, 400, /no type/],
    [{ limit: '0' }, 400, /limit/],
    [{ limit: '-1' }, 400, /limit/],
    [{ follow: 'no' }, 400, /true, false/],
    [{ afer: 'now' }, 400, /did you mean after/],
    [{ after: 'x' }, 400, /now, oldest or the id of an event/],
    [{ after: '000000000000/1/0' }, 400, /another journal/],
  ]
  for (const [query, status, detail] of wrong) {
    test(`with ${JSON.stringify(query)} is refused`, async () => {
      assertProblem(await ask(query), status, detail)
    })
  }

  test('with a cursor ahead of the journal is refused', async () => {
    const [{ id } = { id: '' }] = await eventsNow(server)
    const cursor = `${id.split('/')[0]}/999999999/0`
    assertProblem(await ask({ after: cursor }), 400, /ahead of the journal/)
  })

  test('for a format that there is not is refused', async () => {
    const response = await askFeed(server, {}, { accept: 'text/html' })
    assert.equal(response.status, 406)
  })

  test('of any kind is answered or refused, and never with a fault', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.constantFrom('now', 'oldest', '/', '/export', 'true', 'false', '1', 'file.created'),
      fc.stringMatching(/^[0-9a-f]{12}\/\d{1,17}(\/\d{1,10})?$/),
    )
    const names = ['share', 'path', 'types', 'after', 'limit', 'follow'] as const
    const queries = fc.record(
      Object.fromEntries(names.map((name) => [name, text])) as Record<string, typeof text>,
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(queries, text, async (query, id) => {
        const lastId = /^[\x20-\x7e]*$/.test(id) ? { 'last-event-id': id.trim() } : {}
        const wellFormed = Object.fromEntries(
          Object.entries(query).map(([name, value]) => [name, String(value).toWellFormed()]),
        )
        const response = await askFeed(server, { ...wellFormed, follow: 'false' }, lastId)
        const answer = await response.text()
        assert.ok([200, 400, 404, 410].includes(response.status), answer)
      }),
      { numRuns: 150 },
    )
  })
})

test('every type is in the guide', async () => {
  const { feedTypes } = await import('../../src/control/feed/event-types.ts')
  const guide = readFileSync('docs/guide/change-feed.md', 'utf8')
  for (const type of feedTypes) assert.ok(guide.includes(`| \`${type}\` |`), type)
})
