/** Forks of forks, while what they stand on is deleted and collected, and the server is killed. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { RunningServer, runProgram } from '../control/running-server.ts'
import { ROOT, Session } from '../protocols/session.ts'
import { checkOffline } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'

const { path: data, remove } = temporaryDirectory('forks')
after(async () => {
  await server.kill()
  remove()
})

const FILES = 6
const SIZE = 300_000

let server: RunningServer

const start = async () => {
  server = await RunningServer.start(data, '--share-squash', 'none', '--log-level', 'warn')
}

async function succeeds(...args: readonly string[]): Promise<void> {
  const { status, stderr } = await server.dfsctl(...args)
  assert.equal(status, 0, `${args.join(' ')}: ${stderr}`)
}

async function within<T>(share: string, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await Session.open(server.nfsPort, ROOT, share)
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}

/** New content for the files from `first` on. */
const overwrite = (share: string, first: number) =>
  within(share, async (session) => {
    for (let i = first; i < FILES; i++) {
      const file = await session.lookup(session.root, `file-${i}`)
      await session.write(file, 0, randomBytes(SIZE))
    }
  })

/** What a share holds: a digest by name. */
const contents = (share: string) =>
  within(share, async (session) => {
    const found: Record<string, string> = {}
    for (const name of await session.names(session.root)) {
      const bytes = await session.readAll(await session.lookup(session.root, name))
      found[name] = createHash('sha256').update(bytes).digest('hex')
    }
    return found
  })

/**
 * Collects again and again, and is killed in the middle of it each time but the last. Resolves to
 * how many blocks went at the end.
 */
async function collectAndKill(times: number): Promise<number> {
  for (let i = 0; i < times; i++) {
    const collecting = server.dfsctl('collect')
    await Promise.race([collecting, new Promise((resolve) => setTimeout(resolve, 20 + 60 * i))])
    await server.kill()
    await collecting
    await start()
  }
  let dropped = 0
  for (let i = 0; i < 3; i++) dropped += Number((await server.dfsctlJson('collect'))['dropped'])
  return dropped
}

test('stay whole when what they stand on is deleted and collected', async () => {
  await start()
  await within('/export', async (session) => {
    for (let i = 0; i < FILES; i++) {
      await session.create(session.root, `file-${i}`, { data: randomBytes(SIZE) })
    }
  })
  await succeeds('label', 'create', '/export', 'release')
  await succeeds('fork', '/export@release', '/first')
  await overwrite('/export', 0)
  await overwrite('/first', 2)
  const first = await contents('/first')
  await succeeds('fork', '/first', '/second')
  await overwrite('/first', 0)
  await overwrite('/second', 4)
  const second = await contents('/second')
  assert.equal(second['file-0'], first['file-0'])
  assert.equal(second['file-2'], first['file-2'])
  assert.notEqual(second['file-4'], first['file-4'])

  for (const name of ['/export', '/first', '/second']) {
    await succeeds('share', 'edit', name, '--retain', '0')
  }
  for (const name of ['/export', '/first']) await succeeds('share', 'delete', name)
  await server.kill()
  await start()
  await collectAndKill(3)
  assert.deepEqual(await contents('/second'), second)

  await succeeds('fork', '/second', '/third')
  await succeeds('share', 'delete', '/second')
  await collectAndKill(1)
  assert.deepEqual(await contents('/third'), second)
  await overwrite('/third', 0)
  const third = await contents('/third')
  await collectAndKill(0)
  assert.deepEqual(await contents('/third'), third)

  // With the last of them all content goes.
  await succeeds('share', 'delete', '/third')
  const dropped = await collectAndKill(1)
  assert.ok(dropped >= 4 * FILES, `${dropped} blocks went`)
  assert.equal(await server.stop(), 0)
  const sound = async () => {
    const { status, stdout } = await runProgram('dfs', ['fsck', '--data', data])
    assert.equal(status, 0, stdout)
  }
  await sound()
  const { digest, rebuilt } = await checkOffline(data)
  assert.equal(digest, rebuilt)
  // What was made anew has rows again that were forgotten, whose content is gone for good.
  await sound()
})
