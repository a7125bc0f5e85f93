/** `dfsctl watch` against a server that is used, killed and started again. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { Session } from '../protocols/session.ts'
import { temporaryDirectory } from '../temporary.ts'
import { type CloudEvent, eventsNow, summary } from './feed-consumer.ts'
import { RunningServer } from './running-server.ts'

const program = resolve(import.meta.dirname, '../../bin/dfsctl.cjs')
const { path: data, remove } = temporaryDirectory('watch')
let server: RunningServer
let apiPort: string

const start = async (...more: readonly string[]) => {
  server = await RunningServer.start(data, '--share-squash', 'none', ...more)
}

before(async () => {
  await start()
  apiPort = server.api.split(':').at(-1) as string
})
after(async () => {
  await server.stop()
  remove()
})

/** One that goes on and on. */
class Watching {
  readonly lines: string[] = []
  readonly child: ChildProcess
  private stderr = ''

  constructor(...args: readonly string[]) {
    const token = join(data, 'token')
    const words = ['watch', '--api', `127.0.0.1:${apiPort}`, '--token-file', token, ...args]
    this.child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.lines.push(line))
    this.child.stderr!.on('data', (text) => {
      this.stderr += text
    })
  }

  async reaches(count: number): Promise<void> {
    while (this.lines.length < count) {
      assert.equal(this.child.exitCode, null, this.stderr)
      await new Promise((wake) => setTimeout(wake, 20))
    }
  }

  async interrupt(): Promise<{ status: number | null; stderr: string }> {
    const exited = once(this.child, 'exit')
    this.child.kill('SIGINT')
    const [status] = await exited
    return { status, stderr: this.stderr }
  }
}

async function makeFiles(name: string, count: number): Promise<void> {
  const session = await Session.open(server.nfsPort)
  const dir = await session.mkdir(session.root, name)
  for (let i = 0; i < count; i++) await session.create(dir, `f${i}`)
  await session.rename(dir, 'f0', session.root, `${name}-moved`)
  await session.close()
}

test('goes on through a kill and a restart, and says where it was in the end', async () => {
  const watching = new Watching('--json', '--after', 'oldest')
  await makeFiles('a', 20)
  await watching.reaches(22)
  await server.kill()
  await start('--api-port', apiPort)
  await makeFiles('b', 20)
  const all = await eventsNow(server)
  await watching.reaches(all.length)
  const { status, stderr } = await watching.interrupt()
  assert.deepEqual(
    watching.lines.map((line) => JSON.parse(line)),
    all,
  )
  assert.equal(status, 0)
  const cursor = /^--after (\S+)$/m.exec(stderr)?.[1] as string
  await makeFiles('c', 1)
  const rest = await server.dfsctl('watch', '--json', '--no-follow', '--after', cursor)
  const events: CloudEvent[] = rest.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(events.map(summary), [
    'directory.created /c',
    'file.created /c/f0',
    'entry.renamed /c/f0 > /c-moved',
  ])
})

test('prints lines for people, of a path', async () => {
  const { status, stdout } = await server.dfsctl(
    'watch',
    '/export:/a',
    '--after',
    'oldest',
    '--limit',
    '2',
    '--types',
    'file.created',
  )
  assert.equal(status, 0)
  assert.match(
    stdout,
    /^\S+Z +file\.created +\/export:\/a\/f0 +mode 0644 +\(0@\S+ nfs3\.CREATE\)\n.*\/f1 .*\n$/,
  )
})

test('says what is wrong, and does not try for ever', async () => {
  for (const [args, code, why] of [
    [['/none'], 1, /no share \/none/],
    [['--after', '000000000000/1'], 1, /another journal/],
    [['--types', 'x'], 1, /no type/],
    [['--limit', '0'], 2, /a number above 0/],
    [['/a', '/b'], 2, /only SHARE:PATH/],
    [['--api', '127.0.0.1:9'], 1, /cannot reach/],
  ] as const) {
    const { status, stderr } = await server.dfsctl('watch', ...args)
    assert.equal(status, code, stderr)
    assert.match(stderr, why)
  }
})
