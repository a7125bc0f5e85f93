/**
 * How far the past of a share reaches is known by the journal: what is out of retention is refused
 * in the same words, whatever becomes of the projections and however they are made again.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { dataPaths } from '../../src/commands/data-directory.ts'
import { RunningServer, runProgram } from '../control/running-server.ts'
import { Session } from '../protocols/session.ts'
import { temporaryDirectory } from '../temporary.ts'

const { path: root, remove } = temporaryDirectory('horizons')
/** Before anything happens to it. */
const whole = join(root, 'whole')
let data = whole
let server: RunningServer
/** A moment that is forgotten, and one that a hold keeps. */
let gone: number
let kept: number
let told: Answers[]

type Answers = Readonly<Record<string, unknown>>

async function start(): Promise<void> {
  server = await RunningServer.start(data, '--share-squash', 'none', '--log-level', 'warn')
}

async function succeeds(...args: readonly string[]): Promise<void> {
  const { status, stderr } = await server.dfsctl(...args)
  assert.equal(status, 0, `${args.join(' ')}: ${stderr}`)
}

/** What who follows the feed is told that wants to go on behind a record. */
async function feedFrom(seq: number): Promise<readonly unknown[]> {
  const other = await server.ask('GET', '/v1/feed?after=000000000000/1')
  const stream = /this one is ([0-9a-f]{12})/.exec(String(other.body['detail']))?.[1]
  const { status, body } = await server.ask('GET', `/v1/feed?after=${stream}/${seq}`)
  return [status, body['type'], body['detail']]
}

/** What everybody says who is asked for a moment. */
async function answers(seq: number): Promise<Answers> {
  const session = await Session.open(server.nfsPort)
  const history = await session.lookup(session.root, '.history')
  const found = await session.nfs.lookup({ what: { dir: history, name: `@${seq}` } })
  const listed = await session.names(history)
  await session.close()
  const restored = await server.dfsctl('restore', `/export/file@${seq}`, '--dry-run')
  return {
    lookup: found.status,
    listed: listed.filter((name) => /^[a-z]/.test(name)),
    feed: seq === gone && (await feedFrom(seq)),
    restored: [restored.status, restored.stderr],
  }
}

before(async () => {
  await start()
  const session = await Session.open(server.nfsPort)
  const file = await session.create(session.root, 'file')
  const marks: number[] = []
  for (const label of ['first', 'second', 'third', 'fourth']) {
    await session.write(file, 0, randomBytes(300_000))
    const { seq } = await server.dfsctlJson('label', 'create', '/export', label)
    marks.push(Number(seq))
  }
  await session.close()
  gone = marks[1] as number
  kept = marks[2] as number
  await succeeds('hold', 'place', `/export@${kept}`, 'case')
  await succeeds('share', 'edit', '/export', '--retain', '0')
  // The segments of an earlier process are complete, so that they can be collected.
  await server.kill()
  await start()
  await succeeds('collect')
  told = [await answers(gone), await answers(kept)]
  const { stderr } = await server.dfsctl('hold', 'place', `/export@${gone}`, 'ghost')
  assert.match(stderr, /no longer kept/)
  assert.match(JSON.stringify(told[0]), /410.*no longer kept/)
  assert.notEqual(told[0]?.['lookup'], 0)
  assert.equal(told[1]?.['lookup'], 0)
  await server.kill()
})

after(async () => {
  await server.kill()
  remove()
})

const projections = () => dataPaths(data).projections

function damage(): void {
  const bytes = readFileSync(projections())
  bytes.fill(0xff, 2 * 4096)
  writeFileSync(projections(), bytes)
}

const dropped = () => rmSync(dirname(projections()), { recursive: true })
const offline = (...args: readonly string[]) => runProgram('dfs', [...args, '--data', data])

const losses: Record<string, () => unknown> = {
  'are deleted': dropped,
  'are damaged': damage,
  'are of no use, as somebody has noted': () =>
    writeFileSync(`${projections()}.damaged`, 'somebody has said so'),
  'are made anew by dfs rebuild': () => offline('rebuild'),
  'are deleted, and made anew by dfs rebuild': () => {
    dropped()
    return offline('rebuild')
  },
  'are damaged, and made anew by dfs fsck --repair': async () => {
    damage()
    assert.match((await offline('fsck', '--repair')).stdout, /made anew: projections/)
  },
}

for (const [how, lose] of Object.entries(losses)) {
  test(`what is out of retention stays so when projections ${how}`, async () => {
    data = join(root, `lost ${Object.keys(losses).indexOf(how)}`)
    cpSync(whole, data, { recursive: true })
    await lose()
    // What nobody needs any more is gone, and no damage.
    assert.doesNotMatch((await offline('fsck')).stdout, /^(content|journal|index): /m)
    await start()
    assert.deepEqual([await answers(gone), await answers(kept)], told)
    await server.kill()
  })
}
