/** RFC 5531 section 11: record marking, as any client may cut its stream. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { nfs3, ok } from '../../client/nfs3-client.ts'
import { toRecord } from '../../client/record-marking.ts'
import { decodeResult, type Reply } from '../../client/rpc-call.ts'
import type { RpcClient } from '../../client/rpc-client.ts'
import { SeededRandom, seedFromEnvironment } from '../../seeded-random.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, type Session } from '../session.ts'

const share = await serveShare()

const getattr = ({ rpc, root, credentials }: Session): Buffer =>
  rpc.encode(nfs3.getattr, { object: root }, { credentials })

const xidOf = (message: Buffer): number => message.readUInt32BE(0)

function assertGetattr({ body }: Reply): void {
  ok(decodeResult(nfs3.getattr, body))
}

async function assertStillServes(rpc?: RpcClient): Promise<void> {
  const session = await share.session(ALICE)
  assertGetattr(await session.rpc.exchange(getattr(session)))
  if (rpc !== undefined) assert.ok(rpc.connected)
}

describe('fragments', () => {
  test('of one byte each', async () => {
    const session = await share.session(ALICE)
    const message = getattr(session)
    const cuts = Array.from({ length: message.length - 1 }, () => 1)
    assertGetattr(await session.rpc.exchange(message, { cuts }))
  })

  test('of every size, the last one empty or not', async () => {
    const session = await share.session(ALICE)
    const { length } = getattr(session)
    for (let first = 0; first <= length; first++) {
      assertGetattr(await session.rpc.exchange(getattr(session), { cuts: [first] }))
    }
  })

  test('empty ones in between', async () => {
    const session = await share.session(ALICE)
    for (const cuts of [
      [0, 0, 0],
      [4, 0, 0, 8],
      [0, 1, 0, 1, 0],
    ]) {
      assertGetattr(await session.rpc.exchange(getattr(session), { cuts }))
    }
  })

  test('cut at random, of calls small and large', async () => {
    const seed = seedFromEnvironment()
    const random = new SeededRandom(seed)
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    for (let i = 0; i < 50; i++) {
      const data = random.bytes(random.pick([1, 100, 5000, 200_000]))
      const args = { file, offset: 0, count: data.length, stable: 0, data } as const
      const cuts: number[] = []
      for (let left = data.length; left > 0; ) {
        const size = random.below(Math.min(left, 1 + data.length / 4) + 1)
        cuts.push(size)
        left -= Math.max(size, 1)
      }
      ok(await session.nfs.write(args, { cuts: cuts.slice(0, 500) }))
      assert.ok((await session.read(file, 0, data.length)).equals(data), `seed ${seed}`)
    }
  })
})

describe('segments', () => {
  test('a byte at a time', async () => {
    const session = await share.session(ALICE)
    const message = getattr(session)
    const answer = session.rpc.replyTo(xidOf(message))
    for (const byte of toRecord(message, [5, 0, 20])) {
      session.rpc.sendBytes(Buffer.from([byte]))
      await turn()
    }
    assertGetattr(await answer)
  })

  test('many records in one', async () => {
    const session = await share.session(ALICE)
    const messages = Array.from({ length: 300 }, () => getattr(session))
    const answers = messages.map((message) => session.rpc.replyTo(xidOf(message)))
    session.rpc.sendBytes(Buffer.concat(messages.map((message) => toRecord(message))))
    for (const answer of await Promise.all(answers)) assertGetattr(answer)
  })

  test('a stream of records cut anywhere', async () => {
    const random = new SeededRandom(seedFromEnvironment())
    const session = await share.session(ALICE)
    const messages = Array.from({ length: 200 }, () => getattr(session))
    const answers = messages.map((message) => session.rpc.replyTo(xidOf(message)))
    const stream = Buffer.concat(messages.map((m, i) => toRecord(m, i % 3 === 0 ? [7, 9] : [])))
    for (let at = 0; at < stream.length; ) {
      const size = 1 + random.below(random.chance(0.1) ? 3000 : 60)
      session.rpc.sendBytes(stream.subarray(at, at + size))
      at += size
      if (random.chance(0.3)) await turn()
    }
    for (const answer of await Promise.all(answers)) assertGetattr(answer)
  })
})

describe('pipelining', () => {
  test('hundreds of calls at once, each answered once', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const names = Array.from({ length: 800 }, (_, i) => `file ${i}`)
    const made = await Promise.all(names.map((name) => session.create(dir, name)))
    assert.equal(new Set(made.map((handle) => handle.toString('hex'))).size, names.length)
    const found = await Promise.all(names.map((name) => session.lookup(dir, name)))
    assert.deepEqual(found, made)
    assert.deepEqual(session.rpc.strays, [])
  })

  test('what needs no disk overtakes what does', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    await session.write(file, 0, Buffer.alloc(1 << 20, 7), 0)
    await session.write(file, 1 << 20, Buffer.alloc(1 << 20, 7), 0)
    const order: string[] = []
    await Promise.all([
      session.commit(file).then(() => order.push('COMMIT')),
      session.attributes(dir).then(() => order.push('GETATTR')),
    ])
    assert.deepEqual(order, ['GETATTR', 'COMMIT'])
  })

  test('small and large results keep their places', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const content = new SeededRandom(1).bytes(600_000)
    const file = await session.create(dir, 'file', { data: content })
    const random = new SeededRandom(2)
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        if (i % 3 === 0) return session.attributes(file)
        const offset = random.below(content.length)
        const count = random.pick([1, 3, 4097, 65_536, 300_000])
        const data = await session.read(file, offset, count)
        assert.ok(data.equals(content.subarray(offset, offset + count)))
        return data
      }),
    )
  })
})

describe('what is no call', () => {
  const rejected: readonly (readonly [string, (session: Session) => Buffer])[] = [
    ['an empty record', () => toRecord(Buffer.alloc(0))],
    ['a record of empty fragments', () => toRecord(Buffer.alloc(0), [0, 0, 0])],
    [
      'a record that is shorter than a header',
      (session) => toRecord(getattr(session).subarray(0, 20)),
    ],
    [
      'a reply',
      (session) => {
        const message = getattr(session)
        message.writeUInt32BE(1, 4)
        return toRecord(message)
      },
    ],
    [
      'a message of an unknown type',
      (session) => {
        const message = getattr(session)
        message.writeUInt32BE(2, 4)
        return toRecord(message)
      },
    ],
    ['text of another protocol', () => Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['a record of 2 GiB', () => Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['a fragment of 2 GiB', () => Buffer.from([0x7f, 0xff, 0xff, 0xff])],
    ['a record just above what is allowed', () => Buffer.from([0x80, 0x20, 0, 0, 1])],
    [
      'a record that grows too large by its fragments',
      () => Buffer.concat(Array.from({ length: 40 }, () => fragment(60_000))),
    ],
    [
      'a record of a million fragments',
      () => Buffer.concat(Array.from({ length: 200_000 }, () => fragment(1))),
    ],
  ]
  for (const [what, bytes] of rejected) {
    test(`${what} is not answered, and harms nobody`, async () => {
      const session = await share.session(ALICE)
      const bystander = await share.session(ALICE)
      session.rpc.sendBytes(bytes(session))
      await session.rpc.closed
      assert.deepEqual(session.rpc.strays, [])
      await assertStillServes(bystander.rpc)
    })
  }

  test('calls in front of it are answered', async () => {
    const session = await share.session(ALICE)
    const message = getattr(session)
    const answer = session.rpc.replyTo(xidOf(message))
    session.rpc.sendBytes(Buffer.concat([toRecord(message), toRecord(Buffer.alloc(8))]))
    assertGetattr(await answer)
    await session.rpc.closed
  })
})

function fragment(size: number): Buffer {
  const bytes = Buffer.alloc(4 + size)
  bytes.writeUInt32BE(size)
  return bytes
}

describe('connections that end', () => {
  test('in the middle of a record: it never happened', async () => {
    const { session, dir } = await share.workplace(ALICE)
    for (const cut of [1, 3, 4, 5, 50]) {
      const other = await share.session(ALICE)
      const args = { object: { dir, name: 'file' } }
      await session.create(dir, 'file')
      const record = toRecord(
        other.rpc.encode(nfs3.remove, args, { credentials: other.credentials }),
      )
      other.rpc.sendBytes(record.subarray(0, -cut))
      await other.rpc.close()
      assert.ok(await session.exists(dir, 'file'), `${cut} bytes short`)
      await session.remove(dir, 'file')
    }
  })

  test('with a reset, while calls are under way', async () => {
    const { session, dir } = await share.workplace(ALICE)
    for (let i = 0; i < 10; i++) {
      const other = await share.session(ALICE)
      const calls = Array.from({ length: 100 }, (_, n) => other.create(dir, `${i} ${n}`))
      const settled = Promise.allSettled(calls)
      await turn()
      await other.rpc.reset()
      const done = (await settled).filter(({ status }) => status === 'fulfilled').length
      assert.ok((await session.names(dir)).length >= done)
    }
    await assertStillServes(session.rpc)
  })

  test('half: who says that it sends no more is hung up on in the end', async () => {
    const session = await share.session(ALICE)
    const message = getattr(session)
    const answer = session.rpc.replyTo(xidOf(message))
    session.rpc.sendBytes(toRecord(message))
    assertGetattr(await answer)
    await session.rpc.close()
    await assertStillServes()
  })
})
