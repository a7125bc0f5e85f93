/**
 * Tampering with a journal is found and located, also when whoever did it has made all hashes anew.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync, verify as verifySignature } from 'node:crypto'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { encodeFrame, recordsOf } from '../../../src/journal/frame.ts'
import { EMPTY_TAIL, type Tail, tailOf } from '../../../src/journal/journal.ts'
import { LmdbJournal } from '../../../src/journal/lmdb.ts'
import { packRecord } from '../../../src/journal/record.ts'
import { Session } from '../../protocols/session.ts'
import { temporaryDirectory } from '../../temporary.ts'
import { RunningServer, runProgram } from '../running-server.ts'
import { lastSeq } from './audit-reader.ts'

const { path, remove } = temporaryDirectory('head')
const data = join(path, 'data')
const at = (name: string): string => join(path, name)
let seq = 0

function makeKeys(type: 'ed25519' | 'x25519', secret: string, open: string): void {
  const { publicKey, privateKey } =
    type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519')
  writeFileSync(at(secret), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(at(open), publicKey.export({ type: 'spki', format: 'pem' }))
}

before(async () => {
  const server = await RunningServer.start(data, '--share-squash', 'none')
  const session = await Session.open(server.nfsPort)
  for (let i = 0; i < 20; i++) await session.create(session.root, `before-${i}`)
  makeKeys('ed25519', 'key.pem', 'public.pem')
  const { stdout, status } = await server.dfsctl('journal', 'head', '--sign', at('key.pem'))
  assert.equal(status, 0)
  writeFileSync(at('head.json'), stdout)
  seq = JSON.parse(stdout).seq
  assert.equal(seq, await lastSeq(server))
  for (let i = 0; i < 20; i++) await session.create(session.root, `after-${i}`)
  await session.close()
  await server.stop()
})
after(remove)

const verify = (dir: string, ...more: readonly string[]) =>
  runProgram('dfs', ['journal', 'verify', '--data', dir, ...more])
const withHead = (head = 'head.json', key = 'public.pem') =>
  ['--head', at(head), '--public-key', at(key)] as const

/** A data directory whose journal holds what `change` makes of each frame's records. */
async function rewritten(
  name: string,
  change: (name: string, seq: number) => string | undefined,
): Promise<string> {
  const dir = at(name)
  const from = await LmdbJournal.open({ dir: join(data, 'journal'), readOnly: true })
  const to = await LmdbJournal.open({ dir: join(dir, 'journal') })
  let tail: Tail = EMPTY_TAIL
  for await (const frame of from.stored(1)) {
    const records = recordsOf(frame).flatMap((record) => {
      const [event] = record.events
      if (event?.type !== 'FileCreated') return [packRecord(record)]
      const made = change(event.name, record.seq)
      if (made === undefined) return []
      return [packRecord({ ...record, events: [{ ...event, name: made }] })]
    })
    if (records.length === 0) break
    const { epoch, time, firstSeq } = frame
    const header = { epoch, time, firstSeq, count: records.length, previousHash: tail.hash }
    const made = encodeFrame(header, records)
    await to.append(made)
    tail = tailOf(made)
  }
  await from.close()
  await to.close()
  return dir
}

describe('a journal', () => {
  test('that nobody has touched is proven by its signed head, also when it goes on', async () => {
    const { status, stdout, stderr } = await verify(data, ...withHead())
    assert.equal(status, 0, stderr)
    assert.match(stdout, new RegExp(`up to record ${seq} as signed at 20`))
  })

  test('of which one byte is changed: it is found, and where', async () => {
    const dir = at('flipped')
    cpSync(data, dir, { recursive: true })
    const journal = join(dir, 'journal')
    const name = readdirSync(journal).find((file) => file.endsWith('.mdb')) as string
    const bytes = readFileSync(join(journal, name))
    // LMDB leaves older copies of its pages behind: whichever it reads is another one now.
    let found = bytes.indexOf('before-7')
    assert.ok(found > 0)
    for (; found > 0; found = bytes.indexOf('before-7', found + 1)) {
      bytes[found] = (bytes[found] as number) ^ 1
    }
    writeFileSync(join(journal, name), bytes)
    const { stdout } = await runProgram('dfs', ['journal', 'cat', '--data', data])
    const lines = stdout.split('\n').filter((line) => line !== '')
    const record = lines
      .map((line) => JSON.parse(line))
      .find((r) => r.events[0]?.name === 'before-7')
    const { status, stderr } = await verify(dir)
    assert.equal(status, 1)
    assert.match(stderr, new RegExp(`behind record ${record.seq - 1}: .*checksum`))
  })

  test('that was written anew with all hashes is whole, and not what was signed', async () => {
    const dir = await rewritten('rewritten', (name) => (name === 'before-7' ? 'other' : name))
    assert.equal((await verify(dir)).status, 0, 'without the head nothing shows')
    const { status, stderr } = await verify(dir, ...withHead())
    assert.equal(status, 1)
    assert.match(stderr, new RegExp(`rewritten: record ${seq} and what is before it`))
    const later = await rewritten('later', (name) => (name === 'after-7' ? 'other' : name))
    assert.equal((await verify(later, ...withHead())).status, 0, 'it vouches for its past only')
  })

  test('that was cut off before its head is found', async () => {
    const dir = await rewritten('cut', (name) => (name === 'before-7' ? undefined : name))
    assert.equal((await verify(dir)).status, 0)
    const { status, stderr } = await verify(dir, ...withHead())
    assert.equal(status, 1)
    assert.match(stderr, new RegExp(`cut off: .*had ${seq} when its head was signed`))
  })
})

describe('a head', () => {
  test('that was changed, or signed by somebody else, proves nothing', async () => {
    const head = JSON.parse(readFileSync(at('head.json'), 'utf8'))
    writeFileSync(at('changed.json'), JSON.stringify({ ...head, seq: head.seq - 1 }))
    const changed = await verify(data, ...withHead('changed.json'))
    assert.equal(changed.status, 1)
    assert.match(changed.stderr, /signature does not match/)
    makeKeys('ed25519', 'other.pem', 'other.pub')
    const other = await verify(data, ...withHead('head.json', 'other.pub'))
    assert.match(other.stderr, /signed with another key/)
    const offline = await runProgram('dfs', ['journal', 'head', '--data', data])
    writeFileSync(at('unsigned.json'), offline.stdout)
    assert.match((await verify(data, ...withHead('unsigned.json'))).stderr, /not signed/)
    makeKeys('x25519', 'x.pem', 'x.pub')
    const wrong = await runProgram('dfs', [
      'journal',
      'head',
      '--data',
      data,
      '--sign',
      at('x.pem'),
    ])
    assert.match(wrong.stderr, /Ed25519 key is needed/)
    writeFileSync(at('nothing.json'), '{}')
    assert.match((await verify(data, ...withHead('nothing.json'))).stderr, /no exported head/)
    assert.equal((await verify(data, '--head', at('head.json'))).status, 2)
  })

  test('is signed as the format says', () => {
    const head = JSON.parse(readFileSync(at('head.json'), 'utf8'))
    const lines = `dittofs-journal-head 1\nseq ${head.seq}\nhash ${head.hash}\ntime ${head.time}\n`
    const signed = Buffer.from(`${lines}epoch ${head.epoch}\n`)
    const signature = Buffer.from(head.signature, 'base64')
    assert.ok(verifySignature(null, signed, readFileSync(at('public.pem')), signature))
  })
})
