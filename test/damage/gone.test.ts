/** A data directory that is taken away under a server at work. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Session } from '../protocols/session.ts'
import { dataBelow, ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'

describe('a server whose data directory is gone', () => {
  let root: string
  let data: string
  let remove: () => void
  let server: ServerProcess
  let writing: Promise<unknown>

  beforeEach(async () => {
    const { path, remove: done } = temporaryDirectory('gone')
    root = path
    remove = done
    data = dataBelow(path)
    server = await ServerProcess.start({ data, settings: { 'share-squash': 'none' } })
    const session = await Session.open(server.port)
    const begun = Promise.withResolvers<void>()
    writing = (async () => {
      try {
        for (let i = 0; ; i++) {
          const file = await session.create(session.root, `file-${i}`)
          await session.write(file, 0, Buffer.alloc(i % 2 === 0 ? 300_000 : 5000, i))
          await session.commit(file)
          if (i === 20) begun.resolve()
        }
      } catch {
        // It has ended.
      } finally {
        await session.close().catch(() => undefined)
      }
    })()
    await begun.promise
  })

  afterEach(async () => {
    await server.kill()
    await writing
    remove()
  })

  const losses = {
    'is deleted': () => rmSync(data, { recursive: true, maxRetries: 10 }),
    'is emptied': () => {
      for (const name of readdirSync(data)) {
        rmSync(join(data, name), { recursive: true, maxRetries: 10 })
      }
    },
    'is moved away': () => renameSync(data, join(root, 'elsewhere')),
  }

  for (const [how, lose] of Object.entries(losses)) {
    for (const signal of [true, false]) {
      const told = signal ? ', and it is told to' : ''
      test(`ends by itself and says why: it ${how}${told}`, async () => {
        lose()
        if (signal) process.kill(server.pid, 'SIGTERM')
        assert.equal(await server.exited, 1)
        const said = server.lines.find((line) =>
          /the journal in \S+ is (gone|another one)/.test(line),
        )
        assert.ok(said !== undefined, server.lines.join('\n'))
        assert.ok(!existsSync(join(data, 'journal')), 'an empty one was made in its place')
      })
    }
  }
})
