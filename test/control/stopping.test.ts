/** What a server that is told to stop owes to those who are still being answered. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createmode3 } from '../../src/protocols/nfs3/procedures/create.ts'
import { sattr } from '../client/nfs3-client.ts'
import { Session } from '../protocols/session.ts'
import { ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'
import { RunningServer } from './running-server.ts'

const { path: data, remove } = temporaryDirectory('stopping')
let server: RunningServer

before(async () => {
  server = await RunningServer.start(data, '--share-squash', 'none')
})
after(async () => {
  await server.stop()
  remove()
})

/** Many entries of several KiB: more than sockets hold. */
async function longAudit(): Promise<void> {
  const session = await Session.open(server.nfsPort)
  let dir = session.root
  for (let depth = 0; depth < 10; depth++) dir = await session.mkdir(dir, 'd'.repeat(250))
  const names = Array.from({ length: 2500 }, (_, i) => `${i}`.padEnd(250, '-'))
  for (let at = 0; at < names.length; at += 100) {
    const some = names.slice(at, at + 100)
    await Promise.all(
      some.map((name) =>
        session.nfs.rename({ from: { dir, name }, to: { dir, name: `_${name}` } }),
      ),
    )
  }
  await session.close()
}

async function untilRefused(): Promise<void> {
  for (;;) {
    const answer = await fetch(`http://${server.api}/health`).catch(() => undefined)
    if (answer === undefined) return
    await answer.text()
    await new Promise((wake) => setTimeout(wake, 10))
  }
}

async function restOf(answer: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of answer) text += chunk
  return text
}

test('an audit that a stop cuts off does not look whole', async () => {
  await longAudit()
  const headers = { authorization: `Bearer ${server.token}` }
  const request = get(`http://${server.api}/v1/audit?op=RENAME`, { headers })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  const stopped = server.stop()
  await untilRefused()
  await assert.rejects(restOf(answer), { code: 'ECONNRESET' })
  assert.equal(await stopped, 0)
  server = await RunningServer.start(data)
})

test('a consumer of the feed does not count any more when its process is gone', async () => {
  const headers = { authorization: `Bearer ${server.token}` }
  const answer = await fetch(`http://${server.api}/v1/feed`, { headers })
  const consumers = async () => /^dittofs_feed_consumers (\d+)$/m.exec(await server.metrics())?.[1]
  assert.equal(await consumers(), '1')
  for (const pid of childrenOf(server.pid)) process.kill(pid, 'SIGKILL')
  await assert.rejects(answer.text())
  while ((await consumers()) !== '0') await new Promise((wake) => setTimeout(wake, 10))
})

function childrenOf(pid: number): number[] {
  const file = `/proc/${pid}/task/${pid}/children`
  return readFileSync(file, 'utf8').trim().split(' ').map(Number)
}

test('a server that is told twice to stop does so once, and durably', async () => {
  const { path, remove: removeThis } = temporaryDirectory('told-twice')
  const told: string[] = []
  const twice = Promise.withResolvers<void>()
  const process_ = await ServerProcess.start({
    data: path,
    settings: { 'log-level': 'info' },
    onLog: (line) => {
      if (/"msg":"stopping"/.test(line) && told.push(line) === 2) twice.resolve()
    },
  })
  const session = await Session.open(process_.port)
  await process_.administer('PATCH', '/v1/shares/%2Fexport', { options: { frozen: true } })
  // It waits for the share to be thawed, and stopping waits for it.
  const how = { mode: createmode3.UNCHECKED, obj_attributes: sattr() }
  const call = session.nfs.create({ where: { dir: session.root, name: 'f' }, how })
  const outcome = assert.rejects(call)
  while ((await process_.metrics()).get('dittofs_calls_under_way') !== 1);
  process.kill(process_.pid, 'SIGTERM')
  while (told.length === 0) await new Promise((wake) => setTimeout(wake, 10))
  process.kill(process_.pid, 'SIGTERM')
  await Promise.race([twice.promise, process_.exited])
  await session.close()
  await outcome
  assert.equal(await process_.exited, 0)
  assert.equal(existsSync(join(path, 'running')), false, 'it was closed')
  removeThis()
})
