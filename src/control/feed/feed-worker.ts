/**
 * The process that serves the consumers of the change feed. It gets their connections from the
 * server once it is clear what they want, and reads what is durable from the same files that any
 * tool reads: neither what consumers cost nor what may go wrong with them is felt by clients.
 */
import type { Socket } from 'node:net'
import { LmdbJournal } from '../../journal/lmdb.ts'
import { Waiters } from '../../journal/waiters.ts'
import { lowerPriority } from '../../platform/priority.ts'
import { StoredPast } from '../../projections/stored-past.ts'
import { LmdbStore } from '../../store/lmdb-store.ts'
import { Consumer, type Hall } from './consumer.ts'
import type { FeedFilter } from './feed-filter.ts'
import type { FeedMessage, FeedReport, FeedSettings } from './feed-process.ts'
import { relevantHorizon } from './horizon.ts'
import { Lanes } from './lanes.ts'

const settings: FeedSettings = JSON.parse(process.argv[2] ?? '')

// The server says when it is time to go; a signal to the whole group is not for us.
process.on('SIGTERM', () => undefined)
process.on('SIGINT', () => undefined)
process.on('disconnect', () => process.exit(0))
/**
 * Clients come first: what is left of the processors is for consumers. They may lag, not be lost.
 */
const PRIORITY = 19
lowerPriority(0, PRIORITY)

/** How often it looks whether what is durable has come to the journal and the store. */
const LOOK_MILLIS = 20

const journal = await LmdbJournal.open({ dir: settings.journalDir, readOnly: true })
const past = new StoredPast(new LmdbStore(settings.storePath, { readOnly: true }))
const news = new Waiters()
const consumers = new Set<Consumer>()

let durable = settings.durable
let head = Math.min(durable, past.refresh())

const source = { journal, past, stream: settings.stream, head: () => head }
const lanes = new Lanes(source, () => news.wake())

const hall: Hall = {
  stream: settings.stream,
  lanes,
  news,
  horizonOf: (filter: FeedFilter, { seq }, horizons) =>
    relevantHorizon(past.shares(), horizons, filter.share, seq),
  heartbeatMillis: settings.heartbeatMillis,
  stallMillis: settings.stallMillis,
}

let ending = false
let looking = false
/** Until all that is durable can be read. */
function look(): void {
  looking = false
  journal.poke()
  const seen = Math.min(durable, past.refresh())
  if (seen > head) {
    head = seen
    news.wake()
  }
  if (head < durable) lookSoon(LOOK_MILLIS)
}

function lookSoon(millis: number): void {
  if (looking) return
  looking = true
  setTimeout(look, millis)
}

setInterval(() => news.wake(), settings.heartbeatMillis / 4)

function report(message: FeedReport): void {
  if (process.connected) process.send?.(message)
}

async function serve(socket: Socket, message: FeedMessage & { kind: 'consumer' }): Promise<void> {
  const consumer = new Consumer(socket, message.subscription, hall)
  consumers.add(consumer)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  try {
    const reason = await consumer.run()
    report({ kind: 'left', reason: reason ?? 'away', cursor: consumer.cursor })
  } catch (error) {
    consumer.end('fault')
    report({ kind: 'fault', message: String((error as Error).stack) })
  }
  await closed
  consumers.delete(consumer)
  report({ kind: 'closed' })
  leaveIfDone()
}

function leaveIfDone(): void {
  if (ending && consumers.size === 0) process.disconnect?.()
}

process.on('message', (message: FeedMessage, socket: Socket | undefined) => {
  if (message.kind === 'durable') {
    durable = message.seq
    lookSoon(0)
  } else if (message.kind === 'end') {
    for (const consumer of consumers) consumer.end('shutdown')
    news.wake()
    ending = true
    leaveIfDone()
  } else if (socket === undefined) report({ kind: 'closed' })
  else void serve(socket, message)
})
