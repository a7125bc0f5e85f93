/** `node bench/wire.ts`: what encoding and decoding one message costs, in nanoseconds. */
import { createmode3 } from '../src/protocols/nfs3/procedures/create.ts'
import { ftype3 } from '../src/protocols/nfs3/wire-types.ts'
import { call_header } from '../src/protocols/rpc/rpc-message.ts'
import { Reader } from '../src/wire/reader.ts'
import type { Codec } from '../src/wire/schema.ts'
import { Writer } from '../src/wire/writer.ts'
import { nfs3, sattr } from '../test/client/nfs3-client.ts'
import { authNone, authSys } from '../test/client/rpc-call.ts'

const ROUNDS = 7
const ROUND_MS = 60
const WARM_UP_MS = 200
/** How many messages are handled between two looks at the clock. */
const BATCH = 200
const LISTED = 100

const handle = Buffer.alloc(32, 7)
const data = Buffer.alloc(4096, 9)
const verf = Buffer.alloc(8)
const time = { seconds: 1_700_000_000, nseconds: 123_456_789 }
const attributes = {
  type: ftype3.NF3REG,
  mode: 0o644,
  nlink: 1,
  uid: 1000,
  gid: 1000,
  size: 4096,
  used: 4096,
  rdev: { specdata1: 0, specdata2: 0 },
  fsid: 1,
  fileid: 987_654_321,
  atime: time,
  mtime: time,
  ctime: time,
}
const wcc = { before: { size: 4096, mtime: time, ctime: time }, after: attributes }
const user = authSys({ uid: 1000, gid: 1000, gids: [4, 24, 27, 1000], machinename: 'client' })
const entry = {
  fileid: 987_654_321,
  name: 'file-000123.txt',
  cookie: 123_456,
  name_attributes: attributes,
  name_handle: handle,
}

interface Row {
  readonly title: string
  readonly size: number
  readonly encode: () => void
  readonly decode: () => void
}

function row<T>(title: string, codec: Codec<T>, value: T): Row {
  const writer = new Writer(1 << 16)
  const encode = () => {
    writer.reset()
    codec.encode(writer, value)
  }
  encode()
  const bytes = Buffer.from(writer.written())
  const reader = new Reader(bytes)
  const decode = () => {
    reader.reset(bytes)
    kept = codec.decode(reader)
  }
  return { title, size: bytes.length, encode, decode }
}

/** The last decoded value: what is never looked at might never be made. */
let kept: unknown

const header = { xid: 1, mtype: 0, rpcvers: 2, prog: 100003, vers: 3, proc: 1 }
const status = 0
const rows: readonly Row[] = [
  row('call header, AUTH_SYS', call_header, { ...header, cred: user, verf: authNone }),
  row('GETATTR3args', nfs3.getattr.args, { object: handle }),
  row('GETATTR3res', nfs3.getattr.result, { status, obj_attributes: attributes }),
  row('LOOKUP3args', nfs3.lookup.args, { what: { dir: handle, name: entry.name } }),
  row('LOOKUP3res', nfs3.lookup.result, {
    status,
    object: handle,
    obj_attributes: attributes,
    dir_attributes: attributes,
  }),
  row('READ3args', nfs3.read.args, { file: handle, offset: 1_234_567_890, count: 4096 }),
  row('READ3res, 4 KiB', nfs3.read.result, {
    status,
    file_attributes: attributes,
    count: data.length,
    eof: false,
    data,
  }),
  row('WRITE3args, 4 KiB', nfs3.write.args, {
    file: handle,
    offset: 1_234_567_890,
    count: data.length,
    stable: 0,
    data,
  }),
  row('WRITE3res', nfs3.write.result, { status, file_wcc: wcc, count: 4096, committed: 0, verf }),
  row('CREATE3args', nfs3.create.args, {
    where: { dir: handle, name: entry.name },
    how: { mode: createmode3.UNCHECKED, obj_attributes: sattr({ mode: 0o644 }) },
  }),
  row('CREATE3res', nfs3.create.result, {
    status,
    obj: handle,
    obj_attributes: attributes,
    dir_wcc: wcc,
  }),
  row(`READDIRPLUS3res, ${LISTED} entries`, nfs3.readdirplus.result, {
    status,
    dir_attributes: attributes,
    cookieverf: verf,
    reply: { entries: Array.from({ length: LISTED }, () => entry), eof: false },
  }),
]

/** Nanoseconds per call of the fastest round. */
function nanoseconds(run: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) best = Math.min(best, timed(run, ROUND_MS))
  return best
}

function timed(run: () => void, forMs: number): number {
  const start = performance.now()
  let calls = 0
  let elapsed = 0
  while (elapsed < forMs) {
    for (let i = 0; i < BATCH; i++) run()
    calls += BATCH
    elapsed = performance.now() - start
  }
  return (elapsed / calls) * 1e6
}

// All codecs run before any is timed: a server, too, puts all of them through one Reader class.
for (const { encode, decode } of rows) {
  timed(encode, WARM_UP_MS)
  timed(decode, WARM_UP_MS)
}
console.log(
  `${'message'.padEnd(30)}${'bytes'.padStart(8)}${'encode'.padStart(12)}${'decode'.padStart(12)}`,
)
for (const { title, size, encode, decode } of rows) {
  const cells = [encode, decode].map((run) => `${nanoseconds(run).toFixed(0)} ns`.padStart(12))
  console.log(`${title.padEnd(30)}${String(size).padStart(8)}${cells.join('')}`)
}
if (kept === undefined) throw new Error('nothing was decoded')
