/**
 * The audit level `all`: many reads are in one record, and each is told of by itself, with the path
 * of its moment, also after a crash and a rebuild.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { AuditEntry } from '../../../src/control/audit/entry.ts'
import { ALICE, BOB, ROOT, Session } from '../../protocols/session.ts'
import { temporaryDirectory } from '../../temporary.ts'
import { RunningServer, runProgram, sharePath } from '../running-server.ts'
import { auditOf, lastSeq, linesOf } from './audit-reader.ts'

const { path: data, remove } = temporaryDirectory('accesses')
let server: RunningServer
let session: Session

async function open(): Promise<void> {
  server = await RunningServer.start(data, '--share-squash', 'none')
  session = await Session.open(server.nfsPort, ROOT)
}

const FILES = 40
/** Reads and lookups of the first part: two for each file. */
let first: AuditEntry[]

before(async () => {
  await open()
  await server.ask('POST', '/v1/users', { name: 'ada', uid: ALICE.uid })
  const dir = await session.mkdir(session.root, 'old', 0o777)
  const files: Buffer[] = []
  for (let i = 0; i < FILES; i++) files.push(await session.create(dir, `f${i}`, { data: 'text' }))
  await server.ask('PATCH', sharePath('/export'), { options: { audit: 'all', atime: 'none' } })
  const since = await lastSeq(server)
  const ada = session.as(ALICE)
  await Promise.all(
    files.map(async (file, i) => {
      await ada.lookup(dir, `f${i}`)
      await session.as(BOB).nfs.read({ file, offset: 0, count: 4 })
    }),
  )
  await session.rename(session.root, 'old', session.root, 'new')
  await ada.read(files[0] as Buffer, 0, 4)
  first = (await auditOf(server, { after: String(since) })).filter(
    ({ command }) => command === 'Access',
  )
})
after(async () => {
  await session.close()
  await server.stop()
  remove()
})

const placeOf = ({ seq, index }: AuditEntry): string => `${seq}.${index}`

/** A time, so many nanoseconds later. */
function moved(time: string, by: bigint): string {
  const at = BigInt(Date.parse(time)) * 1_000_000n + BigInt(time.slice(23, 29)) + by
  const millis = new Date(Number(at / 1_000_000n)).toISOString().slice(0, 23)
  return `${millis}${String(at % 1_000_000n).padStart(6, '0')}Z`
}

describe('accesses', () => {
  test('are all told of, though few records hold them', () => {
    const reads = first.filter(({ operation }) => operation === 'READ')
    const lookups = first.filter(({ operation }) => operation === 'LOOKUP')
    const paths = Array.from({ length: FILES }, (_, i) => `/export/old/f${i}`).sort()
    assert.deepEqual(lookups.map(({ path }) => path).toSorted(), paths)
    assert.deepEqual(reads.map(({ path }) => path).toSorted(), [...paths, '/export/new/f0'].sort())
    const [{ seq: _seq, time: _time, index: _index, inode, ...lookup }] = lookups as [AuditEntry]
    assert.deepEqual(lookup, {
      ...{ user: 'ada', uid: ALICE.uid, gid: ALICE.gid, client: '127.0.0.1' },
      ...{ protocol: 'nfs3', operation: 'LOOKUP', command: 'Access', share: '/export' },
      ...{ path: lookup.path, result: 'ok' },
    })
    assert.equal(inode, undefined)
    const times = first.map(({ time }) => time)
    assert.deepEqual(times, times.toSorted())
    assert.ok(new Set(first.map(({ seq }) => seq)).size < FILES / 2)
    assert.equal(new Set(first.map(placeOf)).size, first.length)
  })

  test('are those that are asked for', async () => {
    const ask = (question: Record<string, string>) => auditOf(server, { op: 'Access', ...question })
    assert.deepEqual(await ask({}), first)
    assert.deepEqual((await ask({ order: 'newest' })).toReversed(), first)
    assert.equal((await ask({ path: '/export/old' })).length, 2 * FILES)
    assert.equal((await ask({ path: '/export/new' })).length, 1)
    assert.equal((await ask({ path: '/export/old/f3', user: 'ada' })).length, 1)
    assert.equal((await ask({ user: String(BOB.uid), op: 'READ' })).length, FILES)
    assert.equal((await ask({ result: 'refused' })).length, 0)
    assert.equal((await ask({ client: '192.0.2.1' })).length, 0)
    const { time } = first[9] as AuditEntry
    const [since, until] = [await ask({ since: time }), await ask({ until: time })]
    assert.deepEqual(
      since,
      first.filter((entry) => entry.time >= time),
    )
    assert.deepEqual(
      until,
      first.filter((entry) => entry.time <= time),
    )
  })

  test('are read on from any of them', async () => {
    const [tenth, last] = [first[9] as AuditEntry, first.at(-1) as AuditEntry]
    const op = 'Access'
    assert.deepEqual(await auditOf(server, { op, after: placeOf(tenth) }), first.slice(10))
    assert.deepEqual(await auditOf(server, { op, before: placeOf(tenth) }), first.slice(0, 9))
    const page = { op, order: 'newest', limit: '7', before: placeOf(tenth) }
    assert.deepEqual(await auditOf(server, page), first.slice(2, 9).toReversed())
    const later = await auditOf(server, { op, after: String(tenth.seq) })
    assert.deepEqual(
      later,
      first.filter(({ seq }) => seq > tenth.seq),
    )
    assert.deepEqual(await auditOf(server, { op, after: placeOf(last) }), [])
  })

  test('have their number in every format', async () => {
    const place = placeOf(first[1] as AuditEntry)
    const args = ['--op', 'Access', '--oldest-first', '--limit', '2']
    const { stdout } = await server.dfsctl('audit', ...args)
    assert.equal(linesOf(stdout)[1]?.trim().split(' ')[0], place)
    const cef = linesOf((await server.dfsctl('audit', ...args, '--cef')).stdout)
    assert.match(cef[1] ?? '', new RegExp(`externalId=${place.replace('.', '\\.')} `))
  })

  test('that are equal are one, with how many and until when', async () => {
    const since = String(await lastSeq(server))
    await session.exists(session.root, 'sought')
    await session.exists(session.root, 'sought-once')
    await session.exists(session.root, 'sought')
    await session.as(BOB).exists(session.root, 'sought')
    await session.exists(session.root, 'sought')
    const told = (await auditOf(server, { after: since })).filter(({ path }) =>
      path?.startsWith('/export/sought'),
    )
    // Whoever is slow has more than one record: then the last entry of a record is another one.
    const attempts = new Map<string, number>()
    for (const { user, path, attempts: times = 1 } of told) {
      attempts.set(`${user} ${path}`, (attempts.get(`${user} ${path}`) ?? 0) + times)
    }
    assert.deepEqual(Object.fromEntries(attempts), {
      '0 /export/sought': 3,
      '0 /export/sought-once': 1,
      [`${BOB.uid} /export/sought`]: 1,
    })
    const several = told.filter((entry) => entry.attempts !== undefined)
    assert.ok(several.length > 0)
    const { attempts: times, time, last = '', seq, index } = several[0] as AuditEntry
    assert.ok(last > time)
    const ask = (question: Record<string, string>) =>
      auditOf(server, { path: '/export/sought', user: '0', ...question })
    const isThere = (entries: AuditEntry[]) =>
      entries.some((entry) => entry.seq === seq && entry.index === index)
    // It happened at both ends of its time and in between.
    assert.ok(isThere(await ask({ since: last })))
    assert.ok(isThere(await ask({ until: time })))
    assert.ok(!isThere(await ask({ since: moved(last, 1n) })))
    assert.ok(!isThere(await ask({ until: moved(time, -1n) })))
    const args = ['--path', '/export/sought', '--user', '0', '--oldest-first']
    assert.match((await server.dfsctl('audit', ...args)).stdout, new RegExp(`noEntry ×${times} `))
    const cef = (await server.dfsctl('audit', ...args, '--cef')).stdout
    const [start, end] = [Date.parse(time), Date.parse(last)]
    assert.match(cef, new RegExp(`cnt=${times} start=${start} end=${end} `))
  })

  test('are followed', async () => {
    const headers = { authorization: `Bearer ${server.token}` }
    const url = `http://${server.api}/v1/audit?follow=1&op=LOOKUP`
    const following = await fetch(url, { headers })
    const reader = following.body?.pipeThrough(new TextDecoderStream()).getReader()
    assert.ok(reader)
    let text = (await reader.read()).value ?? ''
    await session.exists(session.root, 'followed')
    while (!text.includes('\n', 1)) text += (await reader.read()).value ?? ''
    assert.equal((JSON.parse(text) as AuditEntry).path, '/export/followed')
    await reader.cancel()
  })

  test('are there after a crash and a rebuild', async () => {
    await session.exists(session.root, 'before-the-crash')
    const all = await auditOf(server)
    await session.exists(session.root, 'may-be-lost')
    await server.kill()
    await open()
    assert.deepEqual((await auditOf(server)).slice(0, all.length), all)
    await session.exists(session.root, 'before-the-stop')
    await server.stop()
    assert.equal((await runProgram('dfs', ['rebuild', '--data', data])).status, 0)
    const cat = await runProgram('dfs', ['journal', 'cat', '--data', data])
    assert.match(cat.stdout, /"operation":"nfs3.LOOKUP".*"name":"before-the-stop"/)
    await open()
    const again = await auditOf(server)
    assert.deepEqual(again.slice(0, all.length), all)
    assert.equal((await auditOf(server, { path: '/export/before-the-stop' })).length, 1)
  })
})
