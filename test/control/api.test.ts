import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { assertProblem } from './assert-problem.ts'
import { protectedRoutes } from './protected-routes.ts'
import { type Answer, serveApi, sharePath } from './running-server.ts'

const server = await serveApi()

describe('status', () => {
  test('says where the stream is', async () => {
    const { status, body } = await server.ask('GET', '/v1/status')
    assert.equal(status, 200)
    const { decided, durable, published, flushed } = body['positions'] as Record<string, number>
    assert.ok(decided! >= durable! && durable! >= published! && durable! >= flushed!)
    assert.equal(body['epoch'], 1)
    assert.equal(body['shares'], 1)
    assert.equal(body['pressure'], null)
    assert.match(String(body['version']), /^\d+\.\d+\.\d+/)
  })
})

describe('shares', () => {
  test('are there from the start, as configured', async () => {
    const { body } = await server.ask('GET', '/v1/shares')
    const [first, ...more] = body['shares'] as Record<string, unknown>[]
    assert.equal(more.length, 0)
    assert.equal(first!['name'], '/export')
    assert.equal((first!['options'] as Record<string, unknown>)['squash'], 'root')
  })

  test('are created, shown, changed and deleted', async () => {
    const name = '/deep/er %2F ü"\\'
    const options = { readOnly: true, allow: ['192.0.2.0/24', '::1'], quota: 2 ** 40 }
    const made = await server.ask('POST', '/v1/shares', { name, options, mode: '0755', uid: 7 })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    assert.equal(made.headers.get('location'), sharePath(name))
    const record = Number(made.headers.get('dittofs-record'))
    const shown = await server.ask('GET', sharePath(name))
    assert.deepEqual(shown.body, made.body)
    const all = shown.body['options'] as Record<string, unknown>
    assert.deepEqual({ ...all, ...options }, all)
    assert.equal(all['squash'], 'root', 'the rest is as by default')

    const edited = await server.ask('PATCH', sharePath(name), { options: { squash: 'none' } })
    assert.equal(edited.status, 200)
    assert.deepEqual(edited.body['options'], { ...all, squash: 'none' })
    assert.ok(Number(edited.headers.get('dittofs-record')) > record)

    const gone = await server.ask('DELETE', sharePath(name))
    assert.deepEqual([gone.status, gone.body], [204, { text: '' }])
    assertProblem(await server.ask('GET', sharePath(name)), 404, /dfsctl share list/)
  })

  test('take merge patches as such', async () => {
    const answer = await server.send(sharePath('/export'), {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${server.token}`,
        'content-type': 'application/merge-patch+json',
      },
      body: '{"options":{"audit":"all"}}',
    })
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    const undo = { options: { audit: 'writes' } }
    assert.equal((await server.ask('PATCH', sharePath('/export'), undo)).status, 200)
  })

  test('of a name that is taken are refused, and the refusal is recorded', async () => {
    const { body: before } = await server.ask('GET', '/v1/status')
    assertProblem(await server.ask('POST', '/v1/shares', { name: '/export' }), 409, /already/)
    const { body: after } = await server.ask('GET', '/v1/status')
    const decided = (body: Answer['body']) => (body['positions'] as { decided: number }).decided
    assert.equal(decided(after), decided(before) + 1)
  })

  test('that are not there cannot be changed', async () => {
    const change = { options: { frozen: true } }
    assertProblem(await server.ask('PATCH', sharePath('/no'), change), 404, /no share \/no/)
    assertProblem(await server.ask('DELETE', sharePath('/no')), 404, /no share \/no/)
  })

  for (const name of [
    '',
    'x',
    '/',
    '/a/',
    '/a//b',
    '/a/../b',
    '/.',
    `/${'x'.repeat(256)}`,
    '/a\0',
  ]) {
    test(`cannot be called ${JSON.stringify(name).slice(0, 20)}`, async () => {
      const { status } = await server.ask('POST', '/v1/shares', { name })
      assert.ok(status === 422 || status === 400, String(status))
    })
  }

  test('cannot have names that are no text', async () => {
    const answer = await server.ask('POST', '/v1/shares', String.raw`{"name":"/\ud800"}`)
    assertProblem(answer, 400, /name is not valid/)
  })

  const wrongOptions: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ readonly: true }, /readonly is not known; did you mean readOnly\?/],
    [{ frozn: true }, /did you mean frozen\?/],
    [{ squash: 'some' }, /squash: one of none, root, all/],
    [{ readOnly: 'yes' }, /readOnly must be boolean/],
    [{ anonUid: -1 }, /anonUid must be >= 0/],
    [{ anonUid: 2 ** 32 }, /anonUid must be <= 4294967295/],
    [{ quota: 1.5 }, /quota must be integer/],
    [{ allow: 'all' }, /allow must be array/],
  ]
  for (const [options, detail] of wrongOptions) {
    test(`cannot have ${JSON.stringify(options)}`, async () => {
      const made = await server.ask('POST', '/v1/shares', { name: '/options', options })
      assertProblem(made, 400, detail)
      assertProblem(await server.ask('PATCH', sharePath('/export'), { options }), 400, detail)
    })
  }

  test('cannot allow what is no address', async () => {
    for (const network of ['10.0.0.0/33', 'example.com', '1.2.3', '::/129', '1.2.3.4/8/8']) {
      const options = { allow: [network] }
      assertProblem(await server.ask('PATCH', sharePath('/export'), { options }), 422, /192\.0\.2/)
    }
  })
})

describe('users and groups', () => {
  test('are created, listed by name and deleted', async () => {
    const bob = { name: 'bob', uid: 1001, gid: 100, gids: [7, 8] }
    assert.deepEqual((await server.ask('POST', '/v1/users', bob)).body, bob)
    const ada = await server.ask('POST', '/v1/users', { name: 'ada', uid: 1000 })
    assert.equal(ada.status, 201)
    assert.equal(ada.headers.get('location'), '/v1/users/ada')
    assert.deepEqual(ada.body, { name: 'ada', uid: 1000, gid: 1000, gids: [] })
    const { body } = await server.ask('GET', '/v1/users')
    assert.deepEqual(body, { users: [ada.body, bob] })
    for (const name of ['ada', 'bob']) {
      assert.equal((await server.ask('DELETE', `/v1/users/${name}`)).status, 204)
    }
    assert.deepEqual((await server.ask('GET', '/v1/users')).body, { users: [] })

    const staff = { name: 'staff', gid: 50 }
    assert.deepEqual((await server.ask('POST', '/v1/groups', staff)).body, staff)
    assert.deepEqual((await server.ask('GET', '/v1/groups')).body, { groups: [staff] })
    assert.equal((await server.ask('DELETE', '/v1/groups/staff')).status, 204)
    assert.deepEqual((await server.ask('GET', '/v1/groups')).body, { groups: [] })
  })

  test('have names and numbers once', async () => {
    assert.equal((await server.ask('POST', '/v1/users', { name: 'eve', uid: 5 })).status, 201)
    for (const user of [
      { name: 'eve', uid: 6 },
      { name: 'eva', uid: 5 },
    ]) {
      assertProblem(await server.ask('POST', '/v1/users', user), 409, /name or number already/)
    }
    assert.equal((await server.ask('DELETE', '/v1/users/eve')).status, 204)
    assertProblem(await server.ask('DELETE', '/v1/users/eve'), 404, /no user eve/)
    assertProblem(await server.ask('DELETE', '/v1/groups/eve'), 404, /no group eve/)
  })

  test('cannot have any name or number', async () => {
    for (const name of ['-x', '.', 'a b', 'ü', 'x'.repeat(65), '']) {
      const { status } = await server.ask('POST', '/v1/users', { name, uid: 9 })
      assert.ok(status === 422 || status === 400, name)
    }
    for (const uid of [-1, 1.5, '1', 2 ** 32, null]) {
      assert.equal((await server.ask('POST', '/v1/users', { name: 'x', uid })).status, 400)
    }
    assertProblem(await server.ask('POST', '/v1/groups', { name: 'x' }), 400, /gid is missing/)
  })
})

describe('the document', () => {
  interface Operation {
    readonly summary?: string
    readonly responses?: Record<string, { description?: string }>
    readonly security?: unknown[]
  }
  interface Document {
    readonly openapi: string
    readonly info: { readonly version: string }
    readonly paths: Record<string, Record<string, Operation>>
    readonly components: { readonly schemas: Record<string, unknown> }
  }
  let document: Document

  before(async () => {
    document = (await server.ask('GET', '/v1/openapi.json')).body as unknown as Document
  })

  test('has every route', () => {
    const operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const routes = [['GET', '/health'], ['GET', '/metrics'], ...protectedRoutes]
      .map(
        ([method, path]) =>
          `${method} ${path!.replace(/\/x(?=\/|$)/, '/{name}').replace(/\/y$/, '/{mark}')}`,
      )
      .sort()
    assert.deepEqual(operations.sort(), routes)
  })

  test('says of each what it does and may answer', () => {
    assert.equal(document.openapi, '3.1.0')
    assert.match(document.info.version, /^\d/)
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, { summary, responses, security }] of Object.entries(item)) {
        assert.ok(summary, `${method} ${path}`)
        const statuses = Object.keys(responses ?? {})
        assert.ok(
          statuses.some((s) => s.startsWith('2')),
          `${method} ${path}: ${statuses}`,
        )
        for (const response of Object.values(responses ?? {})) assert.ok(response.description)
        assert.equal(security !== undefined, !path.startsWith('/v1/'), `${method} ${path}`)
      }
    }
  })

  test('refers to nothing that it does not have', () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)
    let count = 0
    for (const [, reference] of references) {
      count += 1
      const name = /^#\/components\/schemas\/(\w+)$/.exec(reference!)?.[1]
      assert.ok(name !== undefined && name in document.components.schemas, `${reference}`)
    }
    assert.ok(count > 10)
  })
})

describe('metrics', () => {
  test('are what Prometheus reads', async () => {
    await server.send('/health')
    const { headers, body } = await server.send('/metrics')
    assert.match(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    const lines = String(body['text']).split('\n')
    const samples = lines.filter((line) => line !== '' && !line.startsWith('#'))
    const label = String.raw`[a-z_]+="(?:[^"\\]|\\.)*"`
    const sample = new RegExp(String.raw`^dittofs_[a-z0-9_]+(\{${label}(,${label})*\})? \S+$`)
    for (const line of samples) assert.match(line, sample)
    const names = [
      'dittofs_stream_position{position="durable"}',
      'dittofs_stream_epoch',
      'dittofs_backlog_records',
      'dittofs_staging_bytes',
      'dittofs_cache_bytes{cache="content"}',
      'dittofs_journal_bytes',
      'dittofs_journal_segments',
      'dittofs_disk_free_bytes',
      'dittofs_connections',
      'dittofs_connections_closed_total{reason="abuse"}',
      'dittofs_nodejs_eventloop_lag_seconds',
      'dittofs_process_cpu_seconds_total',
      'dittofs_api_requests_total{method="GET",route="/health",status="200"}',
    ]
    for (const name of names)
      assert.ok(
        samples.some((s) => s.startsWith(`${name} `)),
        name,
      )
  })
})
