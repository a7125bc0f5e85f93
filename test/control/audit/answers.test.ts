/**
 * Audits over the API and the command line: what is asked for, and nothing else, whatever happened.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import type { AuditEntry } from '../../../src/control/audit/entry.ts'
import { Mount3Client } from '../../client/mount3-client.ts'
import { ALICE, BOB, ROOT, Session } from '../../protocols/session.ts'
import { temporaryDirectory } from '../../temporary.ts'
import { assertProblem } from '../assert-problem.ts'
import { RunningServer, runProgram } from '../running-server.ts'
import { auditOf, lastSeq, linesOf } from './audit-reader.ts'

const { path: data, remove } = temporaryDirectory('audit')
let server: RunningServer
let session: Session

async function open(): Promise<void> {
  server = await RunningServer.start(data, '--share-squash', 'none')
  session = await Session.open(server.nfsPort, ROOT)
}

/** More than a block of records, so that some are found by their filter and others are not. */
before(async () => {
  await open()
  await server.ask('POST', '/v1/users', { name: 'ada', uid: ALICE.uid })
  await server.ask('POST', '/v1/shares', { name: '/export/deep' })
  const ada = session.as(ALICE)
  const old = await session.mkdir(session.root, 'old', 0o777)
  const file = await ada.create(old, 'plan', { data: 'one' })
  await session.rename(session.root, 'old', session.root, 'new')
  await ada.write(file, 0, 'two')
  for (let i = 0; i < 600; i++) await session.create(old, `f${i}`)
  await session.as(BOB).nfs.remove({ object: { dir: session.root, name: 'new' } })
  await session.mkdir(session.root, 'old')
  await session.mkdir(session.root, 'older')
  const deep = await new Mount3Client(session.rpc).root('/export/deep')
  await ada.mkdir(deep, 'x')
  await ada.remove(old, 'plan')
})
after(async () => {
  await session.close()
  await server.stop()
  remove()
})

const ways = (entries: readonly AuditEntry[]): string[] =>
  entries.map(
    ({ operation, path, to }) => `${operation} ${path}${to === undefined ? '' : ` ${to}`}`,
  )

describe('an audit is of', () => {
  test('a path and what was below it at that time', async () => {
    assert.deepEqual(ways(await auditOf(server, { path: '/export/old' })), [
      'MKDIR /export/old',
      'CREATE /export/old/plan',
      'WRITE /export/old/plan',
      'RENAME /export/old /export/new',
      'MKDIR /export/old',
    ])
    assert.deepEqual(ways(await auditOf(server, { path: '/export/new/plan/' })), [
      'WRITE /export/new/plan',
      'REMOVE /export/new/plan',
    ])
    assert.deepEqual(ways(await auditOf(server, { path: '/export/none' })), [])
    const all = await auditOf(server, { path: '/export' })
    assert.ok(all.some(({ share }) => share === '/export/deep'))
    assert.deepEqual(await auditOf(server, { path: '/' }), await auditOf(server))
  })

  test('a share', async () => {
    const deep = await auditOf(server, { share: '/export/deep' })
    assert.deepEqual(ways(deep), [
      'CreateShare /export/deep',
      'MNT /export/deep',
      'MKDIR /export/deep/x',
    ])
  })

  test('a user, by name or number', async () => {
    const byName = await auditOf(server, { user: 'ada' })
    assert.deepEqual(
      ways(byName).map((way) => way.split(' ')[0]),
      ['CREATE', 'WRITE', 'WRITE', 'MKDIR', 'REMOVE'],
    )
    assert.deepEqual(await auditOf(server, { user: String(ALICE.uid) }), byName)
    const token = await auditOf(server, { user: 'token' })
    assert.deepEqual(
      token.map(({ operation }) => operation),
      ['LOGIN', 'CreateUser', 'CreateShare'],
    )
  })

  test('a client, an operation, a result; several of them together', async () => {
    const here = await auditOf(server, { client: '127.0.0.1' })
    const rest = await auditOf(server, { client: 'server' })
    assert.equal(here.length + rest.length, (await auditOf(server)).length)
    assert.deepEqual(await auditOf(server, { client: '192.0.2.1' }), [])
    const renames = await auditOf(server, { op: 'rename' })
    assert.deepEqual(ways(renames), ['RENAME /export/old /export/new'])
    assert.deepEqual(await auditOf(server, { op: 'nfs3.RENAME' }), renames)
    assert.deepEqual(await auditOf(server, { op: 'RenameEntry' }), renames)
    assert.equal((await auditOf(server, { op: 'nfs3' })).length, 610)
    const both = await auditOf(server, { op: 'RENAME,REMOVE', result: 'ok' })
    assert.deepEqual(ways(both), ['RENAME /export/old /export/new', 'REMOVE /export/new/plan'])
    const refused = await auditOf(server, { result: 'refused' })
    assert.deepEqual(
      refused.map(({ uid, result }) => [uid, result]),
      [[BOB.uid, 'isDirectory']],
    )
    assert.deepEqual(await auditOf(server, { result: 'isDirectory', user: `${BOB.uid}` }), refused)
    assert.deepEqual(await auditOf(server, { result: 'isDirectory', user: 'ada' }), [])
  })

  test('a span of time, and of records', async () => {
    const all = await auditOf(server)
    const [from, to] = [all[300], all[320]] as [AuditEntry, AuditEntry]
    const span = all.slice(300, 321)
    assert.deepEqual(await auditOf(server, { since: from.time, until: to.time }), span)
    const records = { after: String(from.seq - 1), before: String(to.seq + 1) }
    assert.deepEqual(await auditOf(server, records), span)
    assert.deepEqual(await auditOf(server, { since: '1h' }), all)
    assert.deepEqual(await auditOf(server, { until: '1h' }), [])
  })

  test('the newest first, up to a number', async () => {
    const all = await auditOf(server)
    const newest = await auditOf(server, { order: 'newest' })
    assert.deepEqual(newest.toReversed(), all)
    assert.deepEqual(await auditOf(server, { order: 'newest', limit: '3' }), newest.slice(0, 3))
    assert.deepEqual(await auditOf(server, { limit: '600' }), all.slice(0, 600))
    assert.deepEqual(
      all.map(({ seq }) => seq),
      all.map((_, i) => i + 1),
      'every record is in it',
    )
  })

  test('nothing that makes no sense', async () => {
    const ask = (question: string) => server.ask('GET', `/v1/audit?${question}`)
    assertProblem(await ask('op=REMOV'), 400, /did you mean REMOVE\?/)
    assertProblem(await ask('result=acessDenied'), 400, /did you mean accessDenied\?/)
    assertProblem(await ask('result=constructor'), 400, /did you mean /)
    assertProblem(await ask('user=nobody-knows'), 400, /no user nobody-knows/)
    assertProblem(await ask('since=yesterday'), 400, /how long ago/)
    assertProblem(await ask('limit=-1'), 400, /limit/)
    assertProblem(await ask('follow=1&order=newest'), 400, /follows/)
    assertProblem(await ask('pat=/x'), 400, /did you mean path\?/)
    assertProblem(await server.send('/v1/audit'), 401, /token/)
  })

  test('names that are no UTF-8, which can be told apart', async () => {
    const names = ['\xff\xfe', '\xfe\xff', 'caf\xc3\xa9']
    const dir = await session.mkdir(session.root, 'odd')
    for (const name of names) await session.create(dir, name)
    await session.rename(dir, '\xff\xfe', dir, '\xff')
    const found = await auditOf(server, { path: '/export/odd', op: 'CREATE,RENAME' })
    const base64 = (text: string) => Buffer.from(`/export/odd/${text}`, 'latin1').toString('base64')
    assert.deepEqual(
      found.map(({ path, pathBytes, toBytes }) => [path, pathBytes, toBytes]),
      [
        ['/export/odd/\ufffd\ufffd', base64('\xff\xfe'), undefined],
        ['/export/odd/\ufffd\ufffd', base64('\xfe\xff'), undefined],
        ['/export/odd/café', undefined, undefined],
        ['/export/odd/\ufffd\ufffd', base64('\xff\xfe'), base64('\xff')],
      ],
    )
    const seqs = ['--from', String(found[0]?.seq), '--to', String(found[1]?.seq)]
    const cat = await runProgram('dfs', ['journal', 'cat', '--data', data, ...seqs])
    const created = linesOf(cat.stdout).flatMap((line) => JSON.parse(line).events[0])
    assert.deepEqual(
      created.map(({ nameBytes }) => nameBytes),
      ['\xff\xfe', '\xfe\xff'].map((n) => Buffer.from(n, 'latin1').toString('base64')),
    )
  })
})

describe('an audit is the same', () => {
  test('when the server was killed, and when its projections were made again', async () => {
    const all = await auditOf(server)
    await server.kill()
    await open()
    assert.deepEqual((await auditOf(server)).slice(0, all.length), all)
    await server.stop()
    assert.equal((await runProgram('dfs', ['rebuild', '--data', data])).status, 0)
    await open()
    assert.deepEqual((await auditOf(server)).slice(0, all.length), all)
    const removed = await auditOf(server, { path: '/export/new/plan', op: 'REMOVE' })
    assert.equal(removed.length, 1)
  })
})

describe('dfsctl audit', () => {
  const question = ['--path', '/export/old', '--op', 'WRITE,RENAME']

  test('prints entries for people, as JSON and as CEF', async () => {
    const { stdout, status } = await server.dfsctl('audit', ...question)
    assert.equal(status, 0)
    const [rename, write] = linesOf(stdout) as [string, string]
    assert.match(rename, / 0 +127\.0\.0\.1 +nfs3\.RENAME +ok +\/export\/old -> \/export\/new$/)
    assert.match(write, / ada +127\.0\.0\.1 +nfs3\.WRITE +ok +\/export\/old\/plan \(size:0->3\)$/)
    const json = await server.dfsctl('audit', ...question, '--json', '--oldest-first')
    assert.deepEqual(
      linesOf(json.stdout).map((line) => JSON.parse(line)),
      await auditOf(server, { path: '/export/old', op: 'WRITE,RENAME' }),
    )
    const cef = await server.dfsctl('audit', ...question, '--cef', '--limit', '1')
    const [line] = linesOf(cef.stdout) as [string]
    assert.match(line, /^CEF:0\|DittoFS\|DittoFS\|[^|]+\|RenameEntry\|nfs3 RENAME done\|3\|/)
    assert.match(line, / suser=0 suid=0 app=nfs3 act=RENAME outcome=success /)
    assert.match(line, / filePath=\/export\/new fname=new oldFilePath=\/export\/old /)
    const accept = { authorization: `Bearer ${server.token}`, accept: 'text/x-cef' }
    const { headers, body } = await server.send('/v1/audit?limit=1', { headers: accept })
    assert.match(headers.get('content-type') ?? '', /^text\/x-cef/)
    assert.match(String(body['text']), /^CEF:0\|/)
  })

  test('says what is wrong', async () => {
    const { status, stderr } = await server.dfsctl('audit', '--op', 'REMOV')
    assert.equal(status, 1)
    assert.match(stderr, /did you mean REMOVE\?/)
    assert.equal((await server.dfsctl('audit', '--json', '--cef')).status, 2)
  })

  test('follows: each record once, in order, and only what is asked for', async () => {
    const bin = resolve(import.meta.dirname, '../../../bin/dfsctl.cjs')
    const after = await lastSeq(server)
    const args = ['--api', server.api, '--data', data, 'audit', '--follow', '--json']
    const more = ['--after', String(after), '--op', 'MKDIR', '--limit', '12']
    const child = spawn(process.execPath, [bin, ...args, ...more], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    const found: AuditEntry[] = []
    createInterface({ input: child.stdout }).on('line', (line) => found.push(JSON.parse(line)))
    for (let i = 0; i < 6; i++) {
      await session.mkdir(session.root, `followed-${i}`)
      await session.create(session.root, `not-followed-${i}`)
    }
    while (found.length < 6) await new Promise((done) => setTimeout(done, 20))
    for (let i = 6; i < 12; i++) await session.mkdir(session.root, `followed-${i}`)
    assert.deepEqual(await exited, [0, null])
    assert.deepEqual(
      found.map(({ path }) => path),
      Array.from({ length: 12 }, (_, i) => `/export/followed-${i}`),
    )
  })

  test('that follows ends when the server is stopped', async () => {
    const headers = { authorization: `Bearer ${server.token}` }
    const following = await fetch(`http://${server.api}/v1/audit?follow=1`, { headers })
    const before = String((await lastSeq(server)) - 1)
    const words = ['--api', server.api, '--data', data, 'audit', '--follow', '--after', before]
    const bin = resolve(import.meta.dirname, '../../../bin/dfsctl.cjs')
    const child = spawn(process.execPath, [bin, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
    const exited = once(child, 'exit')
    const said = once(createInterface(child.stderr), 'line')
    await once(createInterface(child.stdout), 'line')
    await session.mkdir(session.root, 'last')
    const text = following.text()
    assert.equal(await server.stop(), 0)
    // An answer that was cut off rejects.
    const entries = linesOf(await text).map((line) => JSON.parse(line) as AuditEntry)
    assert.ok(entries.every(({ operation }) => operation === 'MKDIR'))
    // Who starts it again has to know that there may be more.
    assert.deepEqual(await exited, [1, null])
    assert.match(String(await said), /--after/)
    await open()
  })
})
