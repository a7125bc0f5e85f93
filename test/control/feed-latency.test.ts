/**
 * Whoever follows the feed is told of a change soon: projections are stored early while somebody
 * does. A race against a timer, since a consumer cannot see more of it than when it is told.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Session } from '../protocols/session.ts'
import { temporaryDirectory } from '../temporary.ts'
import { FeedConsumer } from './feed-consumer.ts'
import { RunningServer } from './running-server.ts'

const ROUNDS = 15
/** Far less than a change waits for others before it is stored, when nobody follows: 250. */
const MILLIS = 150

test('mostly long before it would be stored for itself', async () => {
  const { path, remove } = temporaryDirectory('latency')
  const server = await RunningServer.start(path, '--share-squash', 'none')
  after(async () => {
    await server.stop()
    remove()
  })
  const session = await Session.open(server.nfsPort)
  const consumer = await FeedConsumer.open(server)
  let soon = 0
  for (let n = 0; n < ROUNDS; n++) {
    const next = consumer.next()
    await session.mkdir(session.root, `${n}`)
    const told = await Promise.race([next.then(() => 'soon'), sleep(MILLIS, 'late')])
    if (told === 'soon') soon += 1
    await next
    await sleep(20)
  }
  await consumer.leave()
  await session.close()
  assert.ok(soon > ROUNDS / 2, `${soon} of ${ROUNDS}`)
})
