/**
 * What the command line prints: to who stops reading, to full disks, and of names that clients
 * chose.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Mount3Client } from '../client/mount3-client.ts'
import { Session } from '../protocols/session.ts'
import { temporaryDirectory } from '../temporary.ts'
import { RunningServer, runProgram } from './running-server.ts'

const bin = resolve(import.meta.dirname, '../../bin')
const { path: data, remove } = temporaryDirectory('output')
const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')
const EVIL = 'x\x1b]0;y\x07'
const TURNED = bytes('a\u202egpj.exe')
let server: RunningServer
let session: Session

before(async () => {
  server = await RunningServer.start(data, '--share-squash', 'none')
  await server.ask('POST', '/v1/shares', { name: '/données/日本' })
  session = await Session.open(server.nfsPort)
  await new Mount3Client(session.rpc).root(bytes('/données/日本'))
  await session.mkdir(session.root, EVIL)
  await new Mount3Client(session.rpc).root(`/export/${EVIL}`)
  await session.create(session.root, TURNED)
  await session.create(session.root, bytes('größe'))
  for (let i = 0; i < 50; i++) await session.create(session.root, `f${i}`)
})
after(async () => {
  await session.close()
  await server.stop()
  remove()
})

type Words = readonly [program: 'dfs' | 'dfsctl', ...args: string[]]

const ctl = (...args: readonly string[]): Words => [
  'dfsctl',
  ...['--api', server.api, '--data', data],
  ...args,
]

async function ended([program, ...args]: Words, stdout: 'pipe' | number) {
  const child = spawn(process.execPath, [join(bin, `${program}.cjs`), ...args], {
    stdio: ['ignore', stdout, 'pipe'],
  })
  // Before it has printed anything.
  child.stdout?.destroy()
  let stderr = ''
  child.stderr?.on('data', (text) => (stderr += text))
  const [status] = await once(child, 'close')
  return { status, stderr }
}

describe('who stops reading', () => {
  test('ends what only prints', async () => {
    for (const words of [
      ctl('history', '/export/f1'),
      ctl('diff', '/export', '@5'),
      ctl('audit'),
      ctl('share', 'list'),
      ['dfs', 'journal', 'cat', '--data', data],
      ['dfs', 'journal', 'verify', '--data', data],
    ] satisfies Words[]) {
      assert.deepEqual(await ended(words, 'pipe'), { status: 0, stderr: '' }, words.join(' '))
    }
  })

  test('does not end an undo halfway, nor change what it says in the end', async () => {
    const dir = await session.mkdir(session.root, 'undone')
    const now = String((await server.dfsctlJson('label', 'create', '/export', 'then'))['seq'])
    for (let i = 0; i < 300; i++) await session.create(dir, `g${i}`)
    const undo = ctl('undo', '/export', '--since', `@${now}`)
    assert.deepEqual(await ended(undo, 'pipe'), { status: 0, stderr: '' })
    assert.deepEqual(await session.names(dir), [])
  })

  test('is told apart from a disk that is full', async () => {
    const watch = ctl('watch', '--no-follow', '--after', 'oldest')
    for (const words of [ctl('status'), ctl('audit'), watch]) {
      const { status, stderr } = await ended(words, openSync('/dev/full', 'w'))
      assert.equal(status, 1)
      assert.match(stderr, /^dfsctl: cannot print: ENOSPC/)
    }
  })
})

describe('a name', () => {
  test('cannot move the cursor of a terminal, nor turn round what is printed', async () => {
    for (const words of [['client', 'list'], ['audit'], ['diff', '/export', '@5']]) {
      const { stdout, status, stderr } = await server.dfsctl(...words)
      assert.equal(status, 0, stderr)
      assert.match(stdout, /x\\u(\{1b\}|001b)\]0;y\\u/, words.join(' '))
      assert.doesNotMatch(stdout, /(?!\n)\p{Cc}|\p{Cf}/u)
    }
    const { stdout } = await server.dfsctl('audit')
    assert.match(stdout, /\/export\/a\\u\{202e\}gpj\.exe/)
  })

  test('that is no ASCII is what it is in every place', async () => {
    const { clients } = await server.dfsctlJson('client', 'list')
    assert.ok((clients as { mounts: string[] }[])[0]?.mounts.includes('/données/日本'))
    const { stdout } = await runProgram('dfs', ['journal', 'cat', '--data', data])
    const events = stdout
      .split('\n')
      .filter((line) => line !== '')
      .flatMap((line) => JSON.parse(line).events as Record<string, unknown>[])
    const said = (type: string, name: string): unknown[] =>
      events.filter((event) => event['type'] === type).map((event) => event[name])
    assert.ok(said('ShareCreated', 'name').includes('/données/日本'))
    assert.ok(said('ShareMounted', 'path').includes('/données/日本'))
    assert.ok(said('FileCreated', 'name').includes('größe'))
    assert.deepEqual(said('HandleKeyCreated', 'key'), ['(secret)'])
  })
})
