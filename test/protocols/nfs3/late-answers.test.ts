/** Answers written when something has ended: they wait for what they say, like all others. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { NO_ORIGIN } from '../../../src/commands/stream.ts'
import { HandleCodec } from '../../../src/protocols/handle.ts'
import { COMMIT3args } from '../../../src/protocols/nfs3/procedures/commit.ts'
import { WRITE3args } from '../../../src/protocols/nfs3/procedures/write.ts'
import { nfs3Program } from '../../../src/protocols/nfs3/program.ts'
import type { Call, WriteResult } from '../../../src/protocols/rpc/program.ts'
import { ReplyWriter } from '../../../src/protocols/rpc/reply-writer.ts'
import { Reader } from '../../../src/wire/reader.ts'
import { Writer } from '../../../src/wire/writer.ts'
import { createFile, openEngine, SHARE } from '../../commands/engine-fixture.ts'
import { temporaryDirectory } from '../../temporary.ts'

const { path, remove } = temporaryDirectory('late-answers')
const engine = await openEngine(path)
after(async () => {
  await engine.close()
  remove()
})
const { procedures } = nfs3Program(engine)
const WRITE = 7
const COMMIT = 21

const call: Call = {
  caller: {
    ...{ address: '127.0.0.1', port: 700, local: '127.0.0.1', transport: 'tcp', client: 0 },
    permits: new Map(),
  },
  xid: 1,
  principal: { uid: 65_534, gid: 65_534, gids: [] },
  checksum: 0,
  machine: 0,
}

const w = new ReplyWriter(1 << 20)

function serve(procedure: number, args: Writer): Promise<WriteResult> {
  w.begin()
  const outcome = procedures.get(procedure)?.serve(new Reader(args.written()), call, w)
  assert.ok(outcome instanceof Promise)
  w.abandon()
  return outcome
}

/** The record that the answer waits for. */
function written(write: WriteResult): number {
  w.begin()
  const seq = write(w)
  w.abandon()
  return seq
}

async function openFile(name: string): Promise<{ ino: number; file: Buffer }> {
  const ino = await createFile(engine, name)
  const inode = engine.world.live(SHARE).inode(ino)
  const handles = new HandleCodec(engine.world.control.state.handleKey)
  await engine.stream.whenDurable(chmod(ino, 0o666))
  return { ino, file: handles.encode(SHARE, ino, inode?.generation ?? 0) }
}

/** Is decided when it returns, and not durable. */
function chmod(ino: number, mode: number): number {
  const none = { uid: undefined, gid: undefined, size: undefined, guard: undefined }
  const times = { atime: undefined, mtime: undefined }
  const command = { type: 'ChangeAttributes', share: SHARE, ino, mode, ...none, ...times } as const
  const decision = engine.stream.submit(command, NO_ORIGIN)
  assert.ok(typeof decision !== 'string')
  return decision.seq
}

const args = new Writer(2 << 20)

test('a stable WRITE that was stored waits for what has changed since', async () => {
  const { ino, file } = await openFile('write')
  args.reset()
  const data = Buffer.alloc(200_000, 1)
  WRITE3args.encode(args, { file, offset: 0, count: data.length, stable: 2, data })
  const answer = await serve(WRITE, args)
  const seq = chmod(ino, 0o600)
  assert.equal(written(answer), seq)
})

test('so does a COMMIT', async () => {
  const { ino, file } = await openFile('commit')
  const bytes = Buffer.alloc(200_000, 2)
  const principal = { uid: 0, gid: 0, gids: [] }
  engine.content.write(SHARE, ino, 0, bytes, false, NO_ORIGIN, principal)
  args.reset()
  COMMIT3args.encode(args, { file, offset: 0, count: 0 })
  // Decided in the moment in which what the COMMIT waits for becomes durable.
  let seq = 0
  engine.stream.hold({
    release: () => {
      if (engine.world.live(SHARE).inode(ino)?.size === 0) return true
      seq = chmod(ino, 0o600)
      return false
    },
  })
  const answer = await serve(COMMIT, args)
  assert.ok(seq > 0)
  assert.equal(written(answer), seq)
})
