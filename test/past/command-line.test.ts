/** The past from the command line: what dfsctl says and does, against a server that clients use. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ok } from '../client/nfs3-client.ts'
import { RunningServer } from '../control/running-server.ts'
import { BOB, ROOT, Session } from '../protocols/session.ts'
import { checkOffline } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'

const { path: data, remove } = temporaryDirectory('past')
let server: RunningServer
let places = 0

const start = () => RunningServer.start(data, '--share-squash', 'none')

before(async () => {
  server = await start()
})
after(async () => {
  await server.stop()
  const { digest, rebuilt } = await checkOffline(data)
  remove()
  assert.equal(digest, rebuilt)
})

async function succeeds(...args: readonly string[]): Promise<string[]> {
  const { status, stdout, stderr } = await server.dfsctl(...args)
  assert.equal(status, 0, `${args.join(' ')}: ${stderr}`)
  return stdout.trim().split('\n')
}

async function fails(message: RegExp, ...args: readonly string[]): Promise<void> {
  const { status, stderr } = await server.dfsctl(...args)
  assert.equal(status, 1, args.join(' '))
  assert.match(stderr, message)
}

type Line = Readonly<Record<string, unknown>>

const lines = async (...args: readonly string[]): Promise<Line[]> =>
  (await succeeds(...args, '--json')).filter((line) => line !== '').map((line) => JSON.parse(line))

async function workplace() {
  places += 1
  const place = `place-${places}`
  const session = await Session.open(server.nfsPort)
  const dir = await session.mkdir(session.root, place, 0o777)
  return {
    session,
    dir,
    place,
    path: `/export/${place}`,
    [Symbol.asyncDispose]: () => session.close(),
  }
}

/** The present as a record. */
const mark = async (): Promise<string> => {
  const name = `mark-${Date.now()}`
  const [made] = await lines('label', 'create', '/export', name)
  return String(made?.['seq'])
}

describe('history', () => {
  test('has every version across renames: when, who, from where and how', async () => {
    await using work = await workplace()
    const { session, dir, place, path } = work
    const file = await session.create(dir, 'draft', { data: 'one' })
    await session.rename(dir, 'draft', session.root, 'final')
    await session.as(BOB).nfs.getattr({ object: file })
    await session.set(file, { mode: 0o666 })
    await session.as(BOB).write(file, 0, 'three')
    await session.rename(session.root, 'final', dir, 'report')
    const versions = await lines('history', `${path}/report`)
    assert.deepEqual(
      versions.map(({ change, path: at, operation, uid }) => [change, at, operation, uid]),
      [
        ['renamed', `/${place}/report`, 'nfs3.RENAME', 0],
        ['content', '/final', 'nfs3.WRITE', 1002],
        ['mode', '/final', 'nfs3.SETATTR', 0],
        ['renamed', '/final', 'nfs3.RENAME', 0],
        ['content', `/${place}/draft`, 'nfs3.WRITE', 0],
        ['created', `/${place}/draft`, 'nfs3.CREATE', 0],
      ],
    )
    assert.ok(versions.every(({ client }) => client === '127.0.0.1'))
    assert.deepEqual(
      versions.map(({ size }) => size),
      [5, 5, 3, 3, 3, 0],
    )
    assert.match(String(versions[0]?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/)
    assert.equal(versions[0]?.['from'], '/final')
    // Each is found again by its number, over NFS too.
    const history = await session.lookup(session.root, '.history')
    const then = await session.lookup(history, `@${versions[4]?.['seq']}`)
    const old = await session.lookup(await session.lookup(then, place), 'draft')
    assert.equal((await session.readAll(old)).toString(), 'one')
  })

  test('has the files that had a path one after the other, and what became of them', async () => {
    await using work = await workplace()
    const { session, dir, place, path } = work
    await session.create(dir, 'doc', { data: 'first' })
    await session.create(dir, 'doc.tmp', { data: 'second' })
    await session.rename(dir, 'doc.tmp', dir, 'doc')
    await session.remove(dir, 'doc')
    const told = (await lines('history', `${path}/doc`)).map(({ change, path: at, size }) => [
      change,
      at,
      size,
    ])
    const [doc, tmp] = [`/${place}/doc`, `/${place}/doc.tmp`]
    assert.deepEqual(told.slice(0, 1), [['removed', doc, 6]])
    assert.deepEqual(told.slice(1, 3).sort(), [
      ['removed', doc, 5],
      ['renamed', doc, 6],
    ])
    assert.deepEqual(told.slice(3), [
      ['content', tmp, 6],
      ['created', tmp, 0],
      ['content', doc, 5],
      ['created', doc, 0],
    ])
    // Also when the directory is gone.
    await session.nfs.rmdir({ object: { dir: session.root, name: place } })
    assert.equal((await lines('history', `${path}/doc`)).length, told.length)
  })

  test('comes in portions', async () => {
    await using work = await workplace()
    const file = await work.session.create(work.dir, 'log')
    for (let i = 0; i < 30; i++) await work.session.write(file, i * 5, 'entry')
    const all = await lines('history', `/export:/${work.place}/log`)
    assert.equal(all.length, 31)
    const parts: Line[] = []
    for (let before: string[] = []; ; ) {
      const part = await lines('history', `${work.path}/log`, '--limit', '7', ...before)
      parts.push(...part)
      if (part.length < 7) break
      before = ['--before', String(part.at(-1)?.['seq'])]
    }
    assert.deepEqual(parts, all)
  })

  test('of what never was says so', async () => {
    await fails(/Nothing has had the path/, 'history', '/export/nothing')
    await fails(/below no share/, 'history', '/nowhere/file')
  })
})

describe('diff', () => {
  test('tells what was added, removed, renamed and where bytes were changed', async () => {
    await using work = await workplace()
    const { session, dir, place } = work
    const file = await session.create(dir, 'file', { data: Buffer.alloc(300_000, 1) })
    await session.create(dir, 'goes', { data: 'x' })
    await session.create(dir, 'moves', { data: 'y' })
    const from = await mark()
    await session.write(file, 8192, Buffer.alloc(4096, 2))
    await session.write(file, 300_000, Buffer.alloc(10, 3))
    await session.remove(dir, 'goes')
    await session.rename(dir, 'moves', dir, 'moved')
    await session.mkdir(dir, 'comes')
    const to = await mark()
    const there = await lines('diff', '/export', from, to)
    const sorted = there.sort((a, b) => (String(a['path']) < String(b['path']) ? -1 : 1))
    const size = { from: 300_000, to: 300_010 }
    const ranges = [
      { offset: 8192, length: 4096 },
      { offset: 299_008, length: 1002 },
    ]
    const type = 'regular'
    const expected = [
      { kind: 'added', path: `/${place}/comes`, type: 'directory' },
      { kind: 'modified', path: `/${place}/file`, type, size, ranges, attributes: [] },
      { kind: 'removed', path: `/${place}/goes`, type },
      { kind: 'renamed', from: `/${place}/moves`, path: `/${place}/moved`, type },
    ]
    assert.deepEqual(sorted, expected)
    const text = await succeeds('diff', '/export', from, to)
    assert.ok(text.includes(`* /${place}/file size 300000 -> 300010 8192+4096 299008+1002`))
    await fails(/later one/, 'diff', '/export', to, from)
  })
})

describe('restore', () => {
  test('brings files and directories back, in place and elsewhere, without copying', async () => {
    await using work = await workplace()
    const { session, dir, path } = work
    const bytes = Buffer.alloc(5_000_000, 'restore me ')
    await session.create(dir, 'big', { data: bytes.subarray(0, 1 << 20) })
    const sub = await session.mkdir(dir, 'sub')
    await session.create(sub, 'inner', { data: 'inner', mode: 0o600 })
    await session.symlink(sub, 'link', '../big')
    const moment = await mark()
    await session.remove(sub, 'inner')
    await session.remove(sub, 'link')
    ok(await session.nfs.rmdir({ object: { dir, name: 'sub' } }))
    await session.set(await session.lookup(dir, 'big'), { size: 0 })
    await session.create(dir, 'newer', { data: 'n' })
    const before = (await server.dfsctlJson('status'))['disk'] as { free: number }
    const [done] = await succeeds('restore', `${path}@${moment}`)
    assert.match(done ?? '', /brought back 5 \(1\.0 MiB, none of it copied\)/)
    const after_ = (await server.dfsctlJson('status'))['disk'] as { free: number }
    assert.ok(Math.abs(before.free - after_.free) < 64 << 20)
    assert.deepEqual((await session.names(dir)).sort(), ['big', 'newer', 'sub'])
    const again = await session.lookup(dir, 'sub')
    const inner = await session.lookup(again, 'inner')
    assert.equal((await session.readAll(inner)).toString(), 'inner')
    assert.equal((await session.attributes(inner)).mode, 0o600)
    const big = await session.readAll(await session.lookup(dir, 'big'))
    assert.ok(big.equals(bytes.subarray(0, 1 << 20)))
    await succeeds('restore', `${path}@${moment}`, '--exact')
    assert.deepEqual((await session.names(dir)).sort(), ['big', 'sub'])
    await succeeds('restore', `${path}/sub/inner@${moment}`, '--to', `${path}/copy`)
    const copy = await session.lookup(dir, 'copy')
    assert.equal((await session.readAll(copy)).toString(), 'inner')
    await fails(/There was no/, 'restore', `${path}/newer@${moment}`)
    const [version] = await lines('history', `${path}/copy`)
    assert.deepEqual([version?.['user'], version?.['operation']], ['token', 'admin'])
  })
})

describe('undo', () => {
  test('shows what it would do, leaves conflicts alone, and is undone by another', async () => {
    await using work = await workplace()
    const { session, dir, place } = work
    const kept = await session.create(dir, 'kept', { data: 'as it was', mode: 0o666 })
    const shared = await session.create(dir, 'shared', { data: 'ours', mode: 0o666 })
    await session.create(dir, 'gone', { data: 'precious', mode: 0o666 })
    const since = await mark()
    const bob = session.as(BOB)
    await bob.write(kept, 0, 'encrypted')
    await bob.write(shared, 0, 'encrypted')
    await bob.remove(dir, 'gone')
    await bob.create(dir, 'README', { data: 'pay' })
    await session.write(shared, 0, 'is mended')
    const flags = ['--since', since, '--user', '1002', '--json']
    const planned = await server.dfsctl('undo', '/export', ...flags, '--dry-run')
    assert.equal(planned.status, 0)
    const steps = planned.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)
    const found = steps.map(({ action, path: at, conflict }) => [
      action,
      at,
      conflict === undefined,
    ])
    assert.deepEqual(found, [
      ['remove', `/${place}/README`, true],
      ['bring back', `/${place}/gone`, true],
      ['restore content', `/${place}/kept`, true],
      ['restore content', `/${place}/shared`, false],
    ])
    assert.equal((await session.readAll(kept)).toString(), 'encrypted', 'nothing was done')
    const undone = await server.dfsctl('undo', '/export', ...flags)
    assert.equal(undone.status, 1, 'a conflict is left')
    const results = undone.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)['result'])
    assert.deepEqual(results.sort(), ['conflict', 'done', 'done', 'done'])
    const text = async (name: string) =>
      (await session.readAll(await session.lookup(dir, name))).toString()
    assert.equal(await text('kept'), 'as it was')
    assert.equal(await text('gone'), 'precious')
    assert.equal(await text('shared'), 'is mended')
    assert.equal(await session.exists(dir, 'README'), false)
    await fails(/no user/, 'undo', '/export', '--since', since, '--user', 'nobody-here')
    await fails(/has come from/, 'undo', '/export', '--since', since, '--client', '192.0.2.77')
  })
})

test('names of any kind are found, and printed so that they do nothing to a terminal', async () => {
  await using work = await workplace()
  const { session, dir, path } = work
  const names = [
    'new\nline',
    'x@@y',
    '@17',
    'back\\slash',
    '\u009b31m',
    '\u202egnp',
    '?a=b#c',
    '%41',
  ]
  const bytes = (name: string) => Buffer.from(name, 'utf8').toString('latin1')
  for (const name of names) await session.create(dir, bytes(name), { data: 'first' })
  const since = await mark()
  for (const name of names) await session.write(await session.lookup(dir, bytes(name)), 0, 'other')
  const [history, diff] = [
    await succeeds('history', `${path}/\u009b31m`),
    await succeeds('diff', '/export', since),
  ]
  for (const line of [...history, ...diff]) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u)
  assert.equal(diff.length, names.length)
  for (const name of names) {
    assert.equal((await lines('history', `${path}/${name}`)).length, 3, name)
    await succeeds('restore', `${path}/${name}@${since}`)
    const file = await session.lookup(dir, bytes(name))
    assert.equal((await session.readAll(file)).toString(), 'first', name)
  }
  const missing = `${path}/no/where`
  await fails(/There is no directory for/, 'restore', `${path}/%41@${since}`, '--to', missing)
  await fails(/There was no /, 'restore', `${missing}@${since}`)
})

describe('labels, holds and forks', () => {
  test('what a fork was before it began is the past of what it was made from', async () => {
    await using work = await workplace()
    const { session, dir, place, path } = work
    const file = await session.create(dir, 'file', { data: 'one' })
    const [first] = await lines('history', `${path}/file`)
    await session.write(file, 0, 'two')
    const name = `/of-${place}`
    await succeeds('fork', '/export', name, '--squash', 'none')
    const older = `@${first?.['seq']}`
    const fork = await Session.open(server.nfsPort, ROOT, name)
    const history = await fork.lookup(fork.root, '.history')
    assert.equal(await fork.exists(history, older), false)
    await fails(/began as \/export@\d+/, 'restore', `${name}/${place}/file${older}`)
    await fails(/began as \/export@\d+/, 'diff', name, older)
    await fails(/began as \/export@\d+/, 'fork', `${name}${older}`, '/too-early')
    await succeeds('restore', `${path}/file${older}`, '--to', `${name}/one`)
    assert.equal((await fork.readAll(await fork.lookup(fork.root, 'one'))).toString(), 'one')
    await fork.close()
  })

  test('outlive kill -9, and a fork is a share of its own', async () => {
    await using work = await workplace()
    const { session, dir, path, place } = work
    const file = await session.create(dir, 'file', { data: 'then' })
    await succeeds('label', 'create', '/export', 'release')
    await succeeds('hold', 'place', '/export@release', 'case-7')
    await session.write(file, 0, 'now!')
    await succeeds('fork', '/export@release', '/fork', '--squash', 'none')
    await fails(/already/, 'fork', '/export@release', '/fork')
    await fails(/already/, 'hold', 'place', '/export', 'case-7')
    await server.kill()
    server = await start()
    const marks = (await server.dfsctlJson('label', 'list', '/export'))['labels'] as Line[]
    const release = marks.find(({ name }) => name === 'release')
    assert.equal(release?.['kept'], true)
    assert.equal(
      ((await server.dfsctlJson('hold', 'list', '/export'))['holds'] as Line[]).length,
      1,
    )
    const live = await Session.open(server.nfsPort)
    const fork = await Session.open(server.nfsPort, ROOT, '/fork')
    const of = async (s: Session, name: string) => s.lookup(await s.lookup(s.root, place), name)
    assert.equal((await live.readAll(await of(live, 'file'))).toString(), 'now!')
    assert.equal((await fork.readAll(await of(fork, 'file'))).toString(), 'then')
    await fork.write(await of(fork, 'file'), 4, ' and a fork')
    assert.equal((await live.readAll(await of(live, 'file'))).toString(), 'now!')
    const [newest, ...older] = await lines('history', `/fork/${place}/file`)
    assert.deepEqual([newest?.['change'], newest?.['size']], ['content', 15])
    assert.deepEqual(
      older.map(({ change }) => change),
      ['content', 'created'],
    )
    await succeeds('restore', `${path}@release`, '--to', '/fork/again')
    assert.equal(await fork.exists(fork.root, 'again'), true)
    await live.close()
    await fork.close()
    await succeeds('hold', 'release', '/export', 'case-7')
    await succeeds('label', 'delete', '/export', 'release')
    await fails(/no label release/, 'label', 'delete', '/export', 'release')
    await fails(/no moment release/, 'fork', '/export@release', '/other')
    const { divergences } = await server.dfsctlJson('digest', '--audit')
    assert.deepEqual(divergences, [])
  })
})
