/**
 * An error that nobody caught: the server says what it was, once, and is gone as by kill -9, so
 * that nothing goes on half. Whoever starts it again finds everything.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Session } from '../protocols/session.ts'
import { checkOffline, dataBelow, ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'

const FATAL = 60
/** Into every thread of the server; signals come to the first alone. */
const thrower = (how: string): string => {
  const code = `process.on('SIGUSR2', () => { ${how} })`
  return `--import=data:text/javascript,${encodeURIComponent(code)}`
}

const ways = {
  'an exception': `throw new Error('nobody expects me')`,
  'a promise that nobody looks at': `void Promise.reject(new Error('nobody expects me'))`,
}

for (const [what, how] of Object.entries(ways)) {
  test(`${what}: one line of the log, no exit status, and nothing is lost`, async () => {
    const { path, remove } = temporaryDirectory('uncaught')
    const data = dataBelow(path)
    const settings = { 'share-squash': 'none' }
    const environment = { NODE_OPTIONS: thrower(how) }
    const server = await ServerProcess.start({ data, settings, environment })
    try {
      const session = await Session.open(server.port)
      const made: string[] = []
      const working = (async () => {
        for (let n = 0; ; n++) {
          const file = await session.create(session.root, `${n}`)
          await session.write(file, 0, `content ${n}`)
          made.push(`${n}`)
        }
      })().catch(() => undefined)
      while (made.length < 50) await session.attributes(session.root)
      process.kill(server.pid, 'SIGUSR2')
      const ended = await Promise.race([server.exited, sleep(30_000, 'it goes on')])
      assert.equal(ended, null, 'it ended by a signal')
      await working
      // What it said last may come behind the news that it has ended.
      for (let n = 0; n < 100 && server.errors.length === 0; n++) await sleep(20)
      assert.equal(server.errors.length, 1, server.lines.join('\n'))
      const said = JSON.parse(server.errors[0] as string)
      assert.equal(said.level, FATAL)
      assert.equal(said.err.message, 'nobody expects me')
      assert.match(said.err.stack, /SIGUSR2|data:text/)
      const before = await checkOffline(data)
      assert.equal(before.digest, before.rebuilt)
      const again = await ServerProcess.start({ data, settings })
      const after = await Session.open(again.port)
      for (const name of made) {
        const file = await after.lookup(after.root, name)
        assert.equal((await after.readAll(file)).toString(), `content ${name}`)
      }
      await after.close()
      assert.equal(await again.stop(), 0)
      assert.deepEqual(again.errors, [])
    } finally {
      await server.kill()
      remove()
    }
  })
}
