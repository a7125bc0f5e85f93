/** A share whose replies may be ahead of the journal: what a crash may take, and what not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RpcDisconnected } from '../../client/rpc-error.ts'
import { checkOffline } from '../../server-process.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, type Session } from '../session.ts'

const share = await serveShare({ 'share-durability': 'async' })

/** Creates files one after the other until the server is gone; resolves to how many it answered. */
async function createUntilDeath(session: Session, dir: Buffer): Promise<number> {
  for (let i = 0; ; i++) {
    try {
      await session.create(dir, String(i).padStart(6, '0'))
    } catch (error) {
      if (error instanceof RpcDisconnected) return i
      throw error
    }
  }
}

test('a crash takes the last moments only, and nothing from before them', async () => {
  for (let round = 0; round < 3; round++) {
    const { session, dir } = await share.workplace(ALICE)
    const working = createUntilDeath(session, dir)
    await sleep(200)
    await share.crash()
    const answered = await working
    const again = await share.session(ALICE)
    const left = (await again.names(dir)).sort()
    assert.ok(left.length <= answered + 1, `${left.length} of ${answered}`)
    const expected = left.map((_, i) => String(i).padStart(6, '0'))
    assert.deepEqual(left, expected, 'none is missing before one that is there')
  }
})

test('in order, it takes nothing', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file')
  await session.write(file, 0, Buffer.alloc(300_000, 7), 0)
  await session.write(file, 300_000, 'stable')
  await session.commit(file)
  await session.rename(dir, 'file', dir, 'renamed')
  await share.restart()
  const again = await share.session(ALICE)
  assert.deepEqual(await again.names(dir), ['renamed'])
  const content = await again.readAll(file)
  assert.ok(content.equals(Buffer.concat([Buffer.alloc(300_000, 7), Buffer.from('stable')])))
})

test('behind it all the state is what the journal says', async () => {
  await share.server.kill()
  const { digest, rebuilt } = await checkOffline(share.data)
  assert.equal(digest, rebuilt)
})
