import assert from 'node:assert/strict'
import { mkdirSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { temporaryDirectory } from '../temporary.ts'
import { assertProblem } from './assert-problem.ts'
import { protectedRoutes } from './protected-routes.ts'
import { runProgram, serveApi, sharePath } from './running-server.ts'

const server = await serveApi()
const { data } = server

describe('the token', () => {
  test('is 256 random bits that only the owner can read', () => {
    assert.match(server.token, /^[0-9a-f]{64}$/)
    assert.equal(statSync(join(data, 'token')).mode & 0o777, 0o600)
  })

  for (const [method, path] of protectedRoutes) {
    test(`is needed for ${method} ${path}`, async () => {
      const answer = await server.send(path, { method })
      assertProblem(answer, 401, /Authorization: Bearer/)
      assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/)
    })
  }

  test('must be the right one, and whole', async () => {
    const { token } = server
    const other = `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`
    const wrong = [
      other,
      token.slice(0, -1),
      `${token}0`,
      token.toUpperCase(),
      '',
      'undefined',
    ].map((t) => `Bearer ${t}`)
    for (const authorization of [...wrong, token, `Basic ${token}`, 'Bearer']) {
      const answer = await server.send('/v1/status', { headers: { authorization } })
      assert.equal(answer.status, 401, authorization)
    }
    const headers = { authorization: `bearer ${token}` }
    assert.equal((await server.send('/v1/status', { headers })).status, 200)
  })

  test('is asked for where there is nothing too, and for other spellings of a path', async () => {
    for (const path of ['/v1/nothing', '/v1//status', '/v1/%73tatus', '/V1/status', '/']) {
      assert.equal((await server.send(path)).status, 401, path)
    }
  })

  test('is not needed for /health and /metrics', async () => {
    const health = await server.send('/health')
    assert.deepEqual([health.status, health.body], [200, { status: 'ok' }])
    assert.equal((await server.send('/metrics')).status, 200)
  })
})

describe('what is no request', () => {
  const post = (body: string, type = 'application/json') =>
    server.send('/v1/shares', {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': type },
      body,
    })

  test('is answered with what is wrong', async () => {
    assertProblem(await post('{'), 400, /./)
    assertProblem(await post(''), 400, /body/i)
    assertProblem(await post('[]'), 400, /body must be object/)
    assertProblem(await post('null'), 400, /body must be object/)
    assertProblem(await post('{}'), 400, /name is missing/)
    assertProblem(await post('{"name":"/x","nmae":"/y"}'), 400, /did you mean name\?/)
    assertProblem(await post('{"name":"/x","__proto__":{"options":1}}'), 400, /./)
    assertProblem(
      await post('name=/x', 'application/x-www-form-urlencoded'),
      415,
      /application\/json/,
    )
    assertProblem(await post('{"name":"/x"}', 'text/plain'), 415, /application\/json/)
    assertProblem(await server.ask('PUT', '/v1/shares', {}), 404, /PUT \/v1\/shares/)
    assertProblem(await server.ask('GET', '/v1/digest?adit=1'), 400, /did you mean audit\?/)
    assertProblem(await server.ask('GET', '/v1/digest?audit=2'), 400, /one of 0, 1/)
    assertProblem(await server.ask('GET', '/v1/shares/%E0%A4%A'), 400, /./)
  })

  test('cannot be larger than it may be', async () => {
    const padding = ' '.repeat(64 * 1024)
    assertProblem(await post(`{"name":"/x"}${padding}`), 413, /64 KiB/)
    const long = await server.ask('GET', sharePath(`/${'x'.repeat(12_000)}`))
    assert.ok(long.status === 414 || long.status === 400, String(long.status))
    const authorization = `Bearer ${'x'.repeat(20_000)}`
    const headers = await server.send('/v1/status', { headers: { authorization } })
    assert.equal(headers.status, 431)
  })

  test('does not end the server', async () => {
    const port = Number(server.api.split(':').at(-1))
    const rubbish = [
      '\0\0\0\0',
      'GET / HTTP/9.9\r\n\r\n',
      'POST /v1/shares HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      'POST /v1/shares HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      `GET /${'%00'.repeat(100)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      'GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET * HTTP/1.1\r\nHost: x\r\n\r\n',
      `GET /health?${'a=b&'.repeat(1000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    ]
    for (const text of rubbish) {
      await new Promise<void>((done) => {
        const socket = connect(port, '127.0.0.1', () => socket.end(text))
        socket.on('error', () => undefined)
        socket.on('close', () => done())
        socket.resume()
      })
    }
    const deep = `{"name":${'['.repeat(20_000)}`
    assert.equal((await post(deep)).status, 400)
    assert.equal((await server.send('/health')).status, 200)
  })
})

describe('starting', () => {
  test('says so when the port is taken', async () => {
    const [, port = ''] = server.api.split(':')
    const other = temporaryDirectory('taken')
    const args = ['start', '--data', other.path, '--nfs-port', '0', '--api-port', port]
    const { status, stderr } = await runProgram('dfs', args)
    assert.equal(status, 1)
    assert.match(stderr, /port \d+ of 127\.0\.0\.1 is taken; --api-port/)
    other.remove()
  })

  test('says so when the token cannot be one', async () => {
    const other = temporaryDirectory('token')
    mkdirSync(join(other.path, 'token'))
    const args = ['start', '--data', other.path, '--nfs-port', '0', '--api-port', '0']
    const { status } = await runProgram('dfs', args)
    assert.equal(status, 1)
    other.remove()
  })
})
