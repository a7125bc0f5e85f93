/**
 * Retention by bytes, through the wire: the oldest content that only the past refers to goes, its
 * space comes back, and nothing within the window or under a hold is lost.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { MiB } from '../../src/platform/limits.ts'
import { RunningServer } from '../control/running-server.ts'
import { Session } from '../protocols/session.ts'
import { checkOffline } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'

const { path: data, remove } = temporaryDirectory('retention')
after(remove)

const SIZE = MiB
const VERSIONS = 12

let server: RunningServer
let session: Session

async function start(): Promise<void> {
  server = await RunningServer.start(data, '--share-squash', 'none', '--log-level', 'warn')
  session = await Session.open(server.nfsPort)
}

/** The segments of an earlier process are complete, so that they can be collected. */
async function crash(): Promise<void> {
  await session.close()
  await server.kill()
  await start()
}

function contentBytes(): number {
  const segments = join(data, 'content/segments')
  return readdirSync(segments).reduce((sum, name) => sum + statSync(join(segments, name)).size, 0)
}

/** Rounds until one finds nothing. */
async function collectAll(): Promise<number> {
  for (let rounds = 0; ; rounds++) {
    const { segments } = await server.dfsctlJson('collect')
    if (segments === 0 || rounds === 20) return rounds
  }
}

const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

interface Version {
  readonly seq: number
  readonly digest: string
}

/** Overwrites a file with new content each time; resolves to what it was when, the first first. */
async function versions(name: string): Promise<Version[]> {
  const file = await session.create(session.root, name)
  const made: Version[] = []
  for (let i = 0; i < VERSIONS; i++) {
    const bytes = randomBytes(SIZE)
    await session.write(file, 0, bytes)
    const { seq } = await server.dfsctlJson('label', 'create', '/export', `${name}-${i}`)
    made.push({ seq: Number(seq), digest: digestOf(bytes) })
  }
  return made
}

/** How many of the last versions are what they were; those before them must not be found. */
async function readable(name: string, made: readonly Version[]): Promise<number> {
  const history = await session.lookup(session.root, '.history')
  let count = 0
  for (const { seq, digest } of made) {
    const { status } = await session.nfs.lookup({ what: { dir: history, name: `@${seq}` } })
    if (status !== 0) {
      assert.equal(count, 0, 'what is later than something that is kept is kept')
      continue
    }
    const moment = await session.lookup(history, `@${seq}`)
    const bytes = await session.readAll(await session.lookup(moment, name))
    assert.equal(digestOf(bytes), digest, `${name} as of ${seq}`)
    count += 1
  }
  return count
}

test('the oldest content goes, its space comes back, and the rest stays', async () => {
  await start()
  const made = await versions('file')
  assert.equal(await readable('file', made), VERSIONS)
  const flags = ['--retain-bytes', `${4 * MiB}`]
  assert.equal((await server.dfsctl('share', 'edit', '/export', ...flags)).status, 0)
  // A hold keeps more than the limit would.
  const held = made[3]?.seq as number
  assert.equal((await server.dfsctl('hold', 'place', `/export@${held}`, 'case')).status, 0)
  await crash()
  const before = contentBytes()
  await collectAll()
  assert.equal(await readable('file', made), VERSIONS - 3, 'up to the hold')
  // Without it, four versions beside the one that is live.
  assert.equal((await server.dfsctl('hold', 'release', '/export', 'case')).status, 0)
  await crash()
  await collectAll()
  assert.equal(await readable('file', made), 5)
  const least = contentBytes()
  assert.ok(least < 6.5 * SIZE && least >= 5 * SIZE, `${least} of ${before} bytes`)
  const late = await server.dfsctl('hold', 'place', `/export@${held}`, 'late')
  assert.match(late.stderr, /no longer kept/)
  assert.match((await server.dfsctl('fork', `/export@${held}`, '/late')).stderr, /no longer kept/)
  assert.match((await server.dfsctl('restore', `/export/file@${held}`)).stderr, /no longer kept/)
  const kept = made.at(-3)?.seq
  assert.equal((await server.dfsctl('restore', `/export/file@${kept}`)).status, 0)
  const bytes = await session.readAll(await session.lookup(session.root, 'file'))
  assert.equal(digestOf(bytes), made.at(-3)?.digest)
  await crash()
  await collectAll()
  const again = await session.readAll(await session.lookup(session.root, 'file'))
  assert.equal(digestOf(again), made.at(-3)?.digest, 'what was restored by reference stays')
  await session.close()
  assert.equal(await server.stop(), 0)
  const { digest, rebuilt } = await checkOffline(data)
  assert.equal(digest, rebuilt)
  // Made anew from the journal, the projections have moments again whose content is gone.
  await start()
  const ghost = ['restore', `/export/file@${made[0]?.seq}`, '--to', '/export/ghost']
  const { status, stderr } = await server.dfsctl(...ghost)
  assert.equal(status, 1)
  assert.match(stderr, /outOfRetention|no longer kept/)
  assert.equal(await session.exists(session.root, 'ghost'), false)
  const there = ['restore', `/export/file@${made.at(-1)?.seq}`, '--to', '/export/there']
  assert.equal((await server.dfsctl(...there)).status, 0)
  const whole = await session.readAll(await session.lookup(session.root, 'there'))
  assert.equal(digestOf(whole), made.at(-1)?.digest)
  await session.close()
  assert.equal(await server.stop(), 0)
})
