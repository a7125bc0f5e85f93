/** Under which names a page in a browser, a monitor and an administrator find the API. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ConfigError, loadConfig } from '../../src/platform/config.ts'
import { ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'
import { runProgram } from './running-server.ts'

const { path: root, remove } = temporaryDirectory('hosts')
after(remove)

interface Answered {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** As a browser does that was told that `host` is where the server is. */
function ask(server: ServerProcess, path: string, headers: Record<string, string>) {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>()
  const asked = request(`http://${server.api}${path}`, { headers }, (response) => {
    let body = ''
    response.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    response.on('end', () => {
      const type = response.headers['content-type'] ?? ''
      resolve({ status: response.statusCode ?? 0, type, body })
    })
  })
  asked.on('error', reject).end()
  return promise
}

const statusOf = async (server: ServerProcess, path: string, host: string, token?: string) => {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return (await ask(server, path, { host, ...authorization })).status
}

function raw(server: ServerProcess, text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect(Number(server.api.split(':').at(-1)), '127.0.0.1', () => socket.end(text))
  let answer = ''
  socket.setEncoding('latin1').on('data', (data: string) => {
    answer += data
  })
  socket.on('error', reject).on('close', () => resolve(answer))
  return promise
}

describe('without names of its own', () => {
  let server: ServerProcess
  before(async () => {
    server = await ServerProcess.start({ data: join(root, 'unnamed') })
  })
  after(() => server.stop())

  for (const host of [
    '127.0.0.1:8080',
    '192.0.2.7',
    '[::1]:8080',
    '[2001:db8::1]',
    'localhost:8080',
    'LocalHost.',
    'dittofs.localhost:1',
  ]) {
    test(`answers at ${host} whoever asks`, async () => {
      assert.equal(await statusOf(server, '/health', host), 200)
      assert.equal(await statusOf(server, '/metrics', host), 200)
      assert.equal(await statusOf(server, '/v1/status', host), 401)
    })
  }

  for (const host of [
    'rebound.example',
    'rebound.example:8080',
    'localhost.rebound.example',
    'notlocalhost',
    '127.0.0.1.rebound.example',
    '127.0.0.1@rebound.example',
    '[rebound.example]',
    '::1',
    '1.2.3',
    '0x7f.1',
    '127.0.0.1:8080:8080',
  ]) {
    test(`refuses ${host} without the token`, async () => {
      for (const path of ['/health', '/metrics', '/v1/status', '/v1/nothing', '/']) {
        assert.equal(await statusOf(server, path, host), 421, path)
      }
    })
  }

  test('says what to do, to who asks and in the log', async () => {
    const { status, type, body } = await ask(server, '/metrics', { host: 'nas.example:8080' })
    assert.equal(status, 421)
    assert.match(type, /^application\/problem\+json/)
    const problem = JSON.parse(body)
    assert.equal(problem.type, 'urn:dittofs:problem:misdirected')
    assert.match(problem.detail, /"nas\.example:8080".*the token.*DITTOFS_API_HOSTS/)
    for (let i = 0; i < 20; i++) await ask(server, '/metrics', { host: 'nas.example:8080' })
    const lines = server.lines.filter((line) => line.includes('nas.example:8080'))
    assert.equal(lines.length, 1, 'not once a request')
    assert.match(lines[0] ?? '', /api-hosts/)
  })

  test('does not let names fill the log', async () => {
    const logged = () => server.lines.filter((line) => line.includes('flood.example')).length
    for (let i = 0; i < 60; i++) await ask(server, '/health', { host: `n${i}.flood.example` })
    assert.ok(logged() <= 17, `${logged()} lines`)
  })

  test('answers the token under any name, and a wrong one as ever', async () => {
    const { token } = server
    for (const path of ['/health', '/metrics', '/v1/status']) {
      assert.equal(await statusOf(server, path, 'nas.example', token), 200, path)
    }
    const wrong = 'f'.repeat(64)
    assert.equal(await statusOf(server, '/v1/status', 'nas.example', wrong), 401)
    assert.equal(await statusOf(server, '/metrics', 'nas.example', wrong), 421)
  })

  test('heeds nothing that a page could add', async () => {
    for (const name of ['x-forwarded-host', 'forwarded', 'x-original-host', 'origin']) {
      const headers = { host: 'rebound.example', [name]: 'localhost' }
      assert.equal((await ask(server, '/health', headers)).status, 421, name)
    }
    const twice = 'GET /health HTTP/1.1\r\nHost: rebound.example\r\nHost: localhost\r\n\r\n'
    assert.match(await raw(server, twice), /^HTTP\/1\.1 4/)
    assert.match(await raw(server, 'GET /health HTTP/1.1\r\nHost:\r\n\r\n'), /^HTTP\/1\.1 421/)
  })

  test('answers a load balancer that says no name', async () => {
    assert.match(await raw(server, 'GET /health HTTP/1.0\r\n\r\n'), /^HTTP\/1\.[01] 200/)
  })
})

describe('with api-hosts', () => {
  let server: ServerProcess
  before(async () => {
    const settings = { 'api-hosts': 'NAS.example, *.cluster.example.,bücher.example' }
    server = await ServerProcess.start({ data: join(root, 'named'), settings })
  })
  after(() => server.stop())

  for (const [host, status] of [
    ['nas.example', 200],
    ['nas.example:8080', 200],
    ['Nas.Example.:8080', 200],
    ['a.cluster.example', 200],
    ['a.b.cluster.example:80', 200],
    ['xn--bcher-kva.example', 200],
    ['localhost', 200],
    ['cluster.example', 421],
    ['acluster.example', 421],
    ['nas.example.rebound.example', 421],
    ['x.nas.example', 421],
  ] as const) {
    test(`answers ${host} with ${status}`, async () => {
      assert.equal(await statusOf(server, '/metrics', host), status)
    })
  }
})

test('names come from a file and from a flag too, and are looked at', async () => {
  const file = join(root, 'dittofs.toml')
  writeFileSync(file, 'api-hosts = ["nas.example", "*.lan.example"]\n')
  const data = join(root, 'filed')
  const server = await ServerProcess.start({ data, environment: { DITTOFS_CONFIG: file } })
  assert.equal(await statusOf(server, '/health', 'nas.example'), 200)
  assert.equal(await statusOf(server, '/health', 'x.lan.example'), 200)
  assert.equal(await statusOf(server, '/health', 'x.example'), 421)
  await server.stop()
  const { status, stderr } = await runProgram('dfs', ['start', '--api-hosts', 'nas.example:8080'])
  assert.notEqual(status, 0)
  assert.match(stderr, /--api-hosts: names such as nas\.example.*expected/)
  for (const names of ['', '*', '*.', '*.*.a', 'http://a', 'a,,b', 'a b', '-a', 'x'.repeat(64)]) {
    const flags = { 'api-hosts': names }
    assert.throws(() => loadConfig({ flags, environment: {}, file: undefined }), ConfigError, names)
  }
})

test('what is listened on is a name of the server', async () => {
  // A resolver takes it for 127.0.0.1, but it is no address as a header has them.
  const server = await ServerProcess.start({
    data: join(root, 'listening'),
    settings: { listen: '127.1' },
  })
  assert.equal(await statusOf(server, '/health', '127.1'), 200)
  assert.equal(await statusOf(server, '/health', '127.2'), 421)
  await server.stop()
})
