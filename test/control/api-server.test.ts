/** The API while the engine comes, goes, hangs and ends. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { Engine } from '../../src/commands/engine.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import { ControlApi } from '../../src/control/api-server.ts'
import type { Running, Serving } from '../../src/control/running.ts'
import { silentLog } from '../../src/platform/log.ts'
import { CallTally } from '../../src/platform/metrics.ts'
import { openEngine } from '../commands/engine-fixture.ts'
import { temporaryDirectory } from '../temporary.ts'

const TOKEN = 'a'.repeat(64)

class FakeRunning implements Running {
  readonly startedAt = 0
  readonly reopened = 0
  readonly calls = new CallTally()
  phase: Running['phase'] = 'serving'
  current: Serving | undefined

  serving(): Serving | undefined {
    return this.current
  }

  connections() {
    return { connections: 0, underWay: 0, abused: 0, rejected: 0 }
  }

  connectionsByAddress() {
    return new Map<string, number>()
  }
}

/** An engine whose records become durable when we say so. */
function held(engine: Engine): { readonly engine: Engine; readonly waited: Promise<() => void> } {
  const { promise: waited, resolve: onWait } = Promise.withResolvers<() => void>()
  const stream = new Proxy(engine.stream, {
    get(target, name) {
      if (name === 'durable') return 0
      if (name === 'whenDurable') {
        return () => new Promise<void>((durable) => onWait(() => durable()))
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const overlay = {
    get: (t: Engine, name: string) => (name === 'stream' ? stream : Reflect.get(t, name)),
  }
  return { engine: new Proxy(engine, overlay as ProxyHandler<Engine>), waited }
}

const { path: data, remove } = temporaryDirectory('api-server')
let engine: Engine
let running: FakeRunning
let api: ControlApi
let base: string

before(async () => {
  engine = await openEngine(data)
})
after(async () => {
  await engine.close()
  remove()
})
beforeEach(async () => {
  running = new FakeRunning()
  api = await ControlApi.create({ running, log: silentLog, token: TOKEN, hosts: [] })
  base = `http://127.0.0.1:${await api.listen(0, '127.0.0.1')}`
})
afterEach(() => api.drain(0))

const ask = (method: string, path: string, body?: object): Promise<Response> =>
  fetch(base + path, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  })

const problem = async (response: Response) =>
  (await response.json()) as { readonly type: string; readonly detail: string }

const requests = [
  ['GET', '/v1/status'],
  ['GET', '/v1/shares'],
  ['POST', '/v1/shares', { name: '/x' }],
  ['GET', '/v1/shares/x'],
  ['PATCH', '/v1/shares/x', { options: { frozen: true } }],
  ['DELETE', '/v1/shares/x'],
  ['GET', '/v1/clients'],
  ['GET', '/v1/users'],
  ['POST', '/v1/users', { name: 'x', uid: 1 }],
  ['DELETE', '/v1/users/x'],
  ['GET', '/v1/groups'],
  ['POST', '/v1/groups', { name: 'x', gid: 1 }],
  ['DELETE', '/v1/groups/x'],
  ['GET', '/v1/digest'],
] as const

describe('without an engine', () => {
  for (const [method, path, body] of requests) {
    test(`${method} ${path} says when to ask again`, async () => {
      running.phase = 'reopening'
      const response = await ask(method, path, body)
      assert.equal(response.status, 503)
      assert.match(response.headers.get('retry-after') ?? '', /^\d+$/)
      assert.match((await problem(response)).detail, /being reopened/)
    })
  }

  test('/health says why, and /metrics has what there is', async () => {
    running.phase = 'starting'
    const health = await fetch(`${base}/health`)
    assert.equal(health.status, 503)
    const { reasons } = (await health.json()) as { reasons: { code: string; detail: string }[] }
    assert.deepEqual(
      reasons.map(({ code }) => code),
      ['not-serving'],
    )
    assert.match(reasons[0]!.detail, /replayed/)
    const metrics = await (await fetch(`${base}/metrics`)).text()
    assert.match(metrics, /^dittofs_serving 0$/m)
    assert.doesNotMatch(metrics, /^dittofs_(stream_epoch|stream_position|journal_bytes)\b/m)
  })

  test('the document is there', async () => {
    assert.equal((await ask('GET', '/v1/openapi.json')).status, 200)
  })
})

describe('an engine that breaks', () => {
  test('takes the requests that wait for it along', async () => {
    const lost = new AbortController()
    const { engine: stuck, waited } = held(engine)
    running.current = { engine: stuck, lost: lost.signal }
    const answers = Array.from({ length: 20 }, (_, i) =>
      ask('POST', '/v1/users', { name: `u${i}`, uid: i }),
    )
    const reads = ['shares', 'users', 'groups', 'clients', 'digest'].map((what) =>
      ask('GET', `/v1/${what}`),
    )
    await waited
    lost.abort(new Error('fenced'))
    for (const response of await Promise.all([...answers, ...reads])) {
      assert.equal(response.status, 503)
      const { type, detail } = await problem(response)
      assert.equal(type, 'urn:dittofs:problem:interrupted')
      assert.match(detail, /kept or not/)
    }
  })

  test('is replaced by the next', async () => {
    assert.equal((await ask('GET', '/v1/shares')).status, 503)
    running.current = { engine, lost: new AbortController().signal }
    assert.equal((await ask('GET', '/v1/shares')).status, 200)
    running.current = undefined
    assert.equal((await ask('GET', '/v1/shares')).status, 503)
  })
})

describe('draining', () => {
  test('answers what was asked, and takes no more', async () => {
    const { engine: stuck, waited } = held(engine)
    running.current = { engine: stuck, lost: new AbortController().signal }
    const answer = ask('POST', '/v1/groups', { name: 'drained', gid: 77 })
    const release = await waited
    running.phase = 'stopping'
    const drained = api.drain(60_000)
    const late = await fetch(`${base}/health`).then(
      ({ status }) => status,
      () => 'refused',
    )
    assert.ok(late === 'refused' || late === 503, String(late))
    release()
    assert.equal((await answer).status, 201)
    await drained
  })

  test('cuts off what does not end', async () => {
    const { engine: stuck, waited } = held(engine)
    running.current = { engine: stuck, lost: new AbortController().signal }
    const answer = ask('POST', '/v1/groups', { name: 'cut', gid: 78 })
    await waited
    const rejected = assert.rejects(answer)
    await api.drain(0)
    await rejected
  })
})

describe('who reads a long answer', () => {
  const LONG = 100

  test('may pause for longer than a connection may be silent', async () => {
    running.current = { engine, lost: new AbortController().signal }
    for (let i = 0; i < LONG; i++) {
      const name = `/${i}-`.padEnd(100_000, 'x')
      engine.stream.submit({ type: 'DeleteShare', name }, NO_ORIGIN)
    }
    const silentMillis = 100
    const other = await ControlApi.create({
      running,
      log: silentLog,
      token: TOKEN,
      hosts: [],
      silentMillis,
    })
    const port = await other.listen(0, '127.0.0.1')
    const headers = { authorization: `Bearer ${TOKEN}` }
    const url = `http://127.0.0.1:${port}/v1/audit?op=DeleteShare`
    const [answer] = (await once(get(url, { headers }), 'response')) as [IncomingMessage]
    await new Promise((wake) => setTimeout(wake, 10 * silentMillis))
    let text = ''
    for await (const chunk of answer) text += chunk
    assert.equal(text.trim().split('\n').length, LONG)
    await other.drain(1000)
  })
})

describe('comparisons of moments', () => {
  const ask = (signal: AbortSignal) =>
    fetch(`${base}/v1/diff?share=/export&from=@5`, {
      headers: { authorization: `Bearer ${TOKEN}` },
      signal,
    })

  test('are refused beyond a number, until others are over', async () => {
    // None of them ends: what they wait for does not become durable.
    running.current = { engine: held(engine).engine, lost: new AbortController().signal }
    const leave = new AbortController()
    const refused: string[] = []
    const four = Promise.withResolvers<void>()
    const all = Array.from({ length: 8 }, async () => {
      const answer = await ask(leave.signal)
      if (refused.push(`${answer.status} ${await answer.text()}`) === 4) four.resolve()
    })
    const over = Promise.allSettled(all)
    await four.promise
    leave.abort()
    assert.equal((await over).filter(({ status }) => status === 'rejected').length, 4)
    for (const text of refused) assert.match(text, /^503 .*4 comparisons .* Try again later/)
    running.current = { engine, lost: new AbortController().signal }
    for (let status = 503; status === 503; ) {
      const answer = await ask(AbortSignal.timeout(60_000))
      await answer.text()
      status = answer.status
      assert.ok(status === 503 || status < 500)
    }
  })
})
