import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { temporaryDirectory } from '../temporary.ts'
import { type Ended, runProgram, serveApi } from './running-server.ts'

const server = await serveApi()
const { data } = server

async function succeeds(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await server.dfsctl(...args)
  assert.equal(status, 0, stderr)
  return stdout
}

function assertFailed(ended: Ended, status: 1 | 2, message: RegExp): void {
  assert.equal(ended.status, status, ended.stderr)
  assert.match(ended.stderr, message)
  assert.equal(ended.stderr.trim().split('\n').length, 1, 'one line, no stack')
  assert.equal(ended.stdout, '')
}

const wide = /^.{101,}$/m

describe('help', () => {
  const groups: Readonly<Record<string, readonly string[]>> = {
    share: ['create', 'list', 'show', 'edit', 'delete', 'freeze', 'thaw'],
    client: ['list'],
    user: ['create', 'list', 'delete'],
    group: ['create', 'list', 'delete'],
    label: ['create', 'list', 'delete'],
    hold: ['place', 'list', 'release'],
  }

  test('lists the commands, and those of each group', async () => {
    const { status, stdout } = await runProgram('dfsctl', ['--help'])
    assert.equal(status, 0)
    for (const name of ['status', 'digest', 'collect', ...Object.keys(groups)]) {
      assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'))
    }
    for (const [group, commands] of Object.entries(groups)) {
      const help = await runProgram('dfsctl', [group, '--help'])
      assert.equal(help.status, 0)
      for (const name of commands) assert.match(help.stdout, new RegExp(`^ {2}${name} `, 'm'))
    }
  })

  test('is there for every command, without a server', async () => {
    const commands = Object.entries(groups).flatMap(([group, names]) =>
      names.map((name) => [group, name]),
    )
    for (const words of [['status'], ['digest'], ['collect'], ...commands]) {
      const { status, stdout } = await runProgram('dfsctl', [...words, '--help'])
      assert.equal(status, 0)
      assert.match(stdout, new RegExp(`^dfsctl ${words.join(' ')}`))
      assert.match(stdout, /--api ADDR:PORT/)
      assert.doesNotMatch(stdout, wide)
    }
  })

  test('is what a missing command gets, with status 2', async () => {
    for (const words of [[], ['share']]) {
      const { status, stdout, stderr } = await runProgram('dfsctl', words)
      assert.deepEqual([status, stdout], [2, ''])
      assert.match(stderr, /COMMAND --help/)
    }
  })
})

describe('a share', () => {
  test('is created, listed, shown, changed and deleted', async () => {
    const flags = ['--read-only', '--allow', '10.0.0.0/8, ::1', '--quota', '10G', '--retain', '7d']
    assert.equal(await succeeds('share', 'create', '/a/b', ...flags), 'created /a/b\n')
    assert.match(
      await succeeds('share', 'list'),
      /^\/a\/b +1 +0 B +read-only allow=10\.0\.0\.0\/8,::1 retain=7d quota=10G$/m,
    )
    const edit = ['--no-read-only', '--allow', '', '--squash', 'none', '--anon-uid', '99']
    await succeeds('share', 'edit', '/a/b', ...edit)
    const shown = await succeeds('share', 'show', '/a/b')
    const expected = ['read-only +no', 'allow +all', 'squash +none', 'anon-uid +99', 'quota +10G']
    for (const line of expected) assert.match(shown, new RegExp(`^${line}$`, 'm'))
    const { options } = await server.dfsctlJson('share', 'show', '/a/b')
    const { retain, quota, allow, anonUid } = options as Record<string, unknown>
    assert.deepEqual([retain, quota, allow, anonUid], [7 * 86_400, 10 * 2 ** 30, [], 99])
    assert.equal(await succeeds('share', 'delete', '/a/b'), 'deleted /a/b\n')
    assertFailed(await server.dfsctl('share', 'show', '/a/b'), 1, /no share \/a\/b/)
  })

  test('shows that it is frozen, until it is thawed', async () => {
    const frozen = async () =>
      ((await server.dfsctlJson('share', 'show', '/export'))['options'] as { frozen: boolean })
        .frozen
    assert.match(await succeeds('share', 'freeze', '/export'), /frozen/)
    assert.equal(await frozen(), true)
    assert.match(await succeeds('share', 'list'), /^\/export .*frozen$/m)
    assert.match(await succeeds('share', 'thaw', '/export'), /thawed/)
    assert.equal(await frozen(), false)
  })

  test('that is refused says why', async () => {
    assertFailed(await server.dfsctl('share', 'create', '/export'), 1, /already/)
    assertFailed(await server.dfsctl('share', 'create', 'export'), 1, /absolute path/)
    assertFailed(await server.dfsctl('share', 'edit', '/no', '--frozen'), 1, /share list/)
    const allow = ['--allow', 'everybody']
    assertFailed(await server.dfsctl('share', 'edit', '/export', ...allow), 1, /192\.0\.2\.0\/24/)
  })

  test('needs a command line that makes sense', async () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['share create', /NAME/],
      ['share create /a /b', /\/b/],
      ['share edit /export', /which option/],
      ['share edit /export --squash some', /none, root, all/],
      ['share edit /export --squish none', /did you mean --squash\?/],
      ['share edit /export --quota much', /whole number.*K, M, G, T/],
      ['share edit /export --anon-uid 5k', /whole number/],
      ['share edit /export --retain 1w', /Suffixes: m, h, d/],
      ['share lst', /did you mean dfsctl share list\?/],
      ['shares', /did you mean dfsctl share\?/],
      ['user create x', /--uid N/],
      ['user create x --uid y', /--uid: a number/],
      ['--verbose status', /options come behind/],
      ['--constructor status', /options come behind/],
      ['status --jsno', /did you mean --json\?/],
    ]
    for (const [line, message] of wrong) {
      assertFailed(await runProgram('dfsctl', line.split(' ')), 2, message)
    }
    const journal = await runProgram('dfs', ['journal', 'constructor', '--data', server.data])
    assertFailed(journal, 2, /verify, cat, stat or head/)
  })
})

describe('users, groups and clients', () => {
  test('are listed', async () => {
    await succeeds('group', 'create', 'staff', '--gid', '50')
    await succeeds('user', 'create', 'ada', '--uid', '1000', '--gids', '50,51')
    assert.match(await succeeds('user', 'list'), /^ada +1000 +1000 +50,51$/m)
    assert.match(await succeeds('group', 'list'), /^staff +50$/m)
    await succeeds('user', 'delete', 'ada')
    await succeeds('group', 'delete', 'staff')
    assert.deepEqual(await server.dfsctlJson('user', 'list'), { users: [] })
    assert.deepEqual(await server.dfsctlJson('group', 'list'), { groups: [] })
    assert.equal(await succeeds('client', 'list'), 'ADDRESS  CONNECTIONS  SINCE  MOUNTS\n')
  })
})

describe('where the server is', () => {
  test('may stand in front of the command too', async () => {
    const words = ['--api', server.api, `--data=${data}`, 'share', 'list', '--json']
    const { status, stdout } = await runProgram('dfsctl', words)
    assert.equal(status, 0)
    assert.equal(JSON.parse(stdout).shares.length, 1)
  })

  test('comes from the environment too, and from the URL of a proxy', async () => {
    for (const extra of [
      { DITTOFS_API: server.api, DITTOFS_TOKEN: server.token },
      { DITTOFS_API: `http://${server.api}`, DITTOFS_DATA: data },
    ]) {
      const { status, stderr } = await runProgram('dfsctl', ['status'], extra)
      assert.equal(status, 0, stderr)
    }
  })

  test('is told by flags before it is by the environment', async () => {
    const extra = { DITTOFS_API: '127.0.0.1:1', DITTOFS_TOKEN: 'wrong' }
    const file = ['--token-file', join(data, 'token')]
    for (const flags of [['--data', data], file]) {
      const words = ['status', '--api', server.api, ...flags]
      assert.equal((await runProgram('dfsctl', words, extra)).status, 0)
    }
  })

  test('has to be right', async () => {
    const { path, remove: removeOther } = temporaryDirectory('other')
    writeFileSync(join(path, 'token'), `${'0'.repeat(64)}\n`)
    const at = (api: string, dir = data) =>
      runProgram('dfsctl', ['status', '--api', api, '--data', dir])
    assertFailed(await at('127.0.0.1:9'), 1, /cannot reach 127\.0\.0\.1:9: is the server running\?/)
    assertFailed(await at('no address'), 2, /no address is no address/)
    assertFailed(await at(server.api, path), 1, /does not accept the token from .*token/)
    rmSync(join(path, 'token'))
    assertFailed(await at(server.api, path), 1, /cannot read the token .*--data DIR/)
    assertFailed(await at(`127.0.0.1:${server.nfsPort}`), 1, /cannot reach/)
    removeOther()
  })

  test('has to be a server of ours', async () => {
    const other = createServer((_, response) => response.end('<html>'))
    await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening))
    const { port } = other.address() as AddressInfo
    const words = ['status', '--api', `127.0.0.1:${port}`, '--data', data]
    assertFailed(await runProgram('dfsctl', words), 1, /is not DittoFS's API/)
    other.close()
  })
})

describe('status', () => {
  test('is for people, or for scripts', async () => {
    const text = await succeeds('status')
    for (const name of ['version', 'durable', 'epoch', 'disk', 'connections', 'held up']) {
      assert.match(text, new RegExp(`^${name} +\\S`, 'm'))
    }
    assert.equal((await server.dfsctlJson('status'))['epoch'], 1)
  })
})
