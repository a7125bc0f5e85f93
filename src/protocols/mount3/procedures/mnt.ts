// RFC 1813 appendix I, section 5.2.1: MNT - Add mount entry.
import type { Engine } from '../../../commands/engine.ts'
import { HISTORY_NAME } from '../../../commands/tree/checks.ts'
import { operations } from '../../../journal/command-names.ts'
import type { Origin } from '../../../journal/record.ts'
import type { Refusal } from '../../../journal/refusal.ts'
import { RepeatLimiter } from '../../../platform/repeat-limiter.ts'
import { fileKind, ROOT_INO } from '../../../projections/inode.ts'
import type { Share } from '../../../projections/share.ts'
import type { Exports } from '../../exports.ts'
import type { HandleCodec } from '../../handle.ts'
import { findMoment, HISTORY_INO } from '../../history-moment.ts'
import type { Call, Procedure } from '../../rpc/program.ts'
import type { ReplyWriter } from '../../rpc/reply-writer.ts'
import { auth_flavor } from '../../rpc/rpc-message.ts'
import { MNT3args, MNT3res, mountproc3, mountstat3 } from '../mount3-types.ts'

/** What MOUNT calls each refusal that can happen here. */
function mountStatus(why: Refusal): Exclude<mountstat3, 0> {
  switch (why) {
    case 'noEntry':
    case 'stale':
      return mountstat3.MNT3ERR_NOENT
    case 'notDirectory':
      return mountstat3.MNT3ERR_NOTDIR
    case 'accessDenied':
      return mountstat3.MNT3ERR_ACCES
    case 'notPermitted':
      return mountstat3.MNT3ERR_PERM
    case 'nameTooLong':
      return mountstat3.MNT3ERR_NAMETOOLONG
    default:
      return mountstat3.MNT3ERR_SERVERFAULT
  }
}

const PATH_MAX = 1024

/** The share that a path lies in, and the way from its root. The longest name wins. */
function resolve(engine: Engine, path: string): { share: Share; rest: string[] } | Refusal {
  if (path.length > PATH_MAX) return 'nameTooLong'
  const parts = path.split('/').filter((part) => part !== '')
  let found: { share: Share; rest: string[] } | undefined
  for (let n = parts.length; n > 0 && found === undefined; n--) {
    const name = Buffer.from(`/${parts.slice(0, n).join('/')}`, 'latin1').toString('utf8')
    const share = engine.world.control.shareByName(name)
    if (share !== undefined) found = { share, rest: parts.slice(n) }
  }
  return found ?? 'noEntry'
}

/** What a handle is made of. */
interface Place {
  readonly ino: number
  readonly generation: number
  /** The record whose moment it looks at; 0: now. */
  readonly asOf: number
}

function walk(
  engine: Engine,
  share: Share,
  { rest, asOf }: { readonly rest: readonly string[]; readonly asOf: number },
): Place | Refusal {
  const view = asOf === 0 ? engine.world.live(share.id) : engine.world.asOf(share.id, asOf)
  let ino = ROOT_INO
  for (const name of rest) {
    if (name.length > 255) return 'nameTooLong'
    const entry = view.entry(ino, name)
    if (entry === undefined) return 'noEntry'
    if (view.inode(entry.ino)?.kind !== fileKind.directory) return 'notDirectory'
    ino = entry.ino
  }
  const inode = view.inode(ino)
  return inode === undefined ? 'serverFault' : { ino, generation: inode.generation, asOf }
}

/** What a path leads to; later when it goes through `.history`, as LOOKUP does. */
function find(
  engine: Engine,
  share: Share,
  rest: string[],
): Place | Refusal | Promise<Place | Refusal> {
  if (rest[0] !== HISTORY_NAME || share.options.history === 'off') {
    return walk(engine, share, { rest, asOf: 0 })
  }
  const [, moment, ...below] = rest
  if (moment === undefined) return { ino: HISTORY_INO, generation: share.generation, asOf: 0 }
  if (moment.length > 255) return 'nameTooLong'
  return findMoment(engine, share, moment).then((root) =>
    typeof root === 'string' ? root : walk(engine, share, { rest: below, asOf: root.asOf }),
  )
}

interface RefusedMount {
  readonly path: string
  readonly why: Refusal
  readonly call: Call
}

/** Who was refused, where from and what it asked for. True: there is nothing to try again. */
function noteRefused(engine: Engine, { path, why, call }: RefusedMount, count: number): true {
  const { client, address } = call.caller
  const { uid, gid } = call.principal ?? NOBODY
  const op = operations['mount3.MNT']
  const who: Origin = { op, client, uid, gid, xid: call.xid, checksum: 0 }
  const origin = count === 1 ? who : { ...who, actor: { address, name: '', count } }
  const resolved = resolve(engine, path)
  const share = typeof resolved === 'string' ? 0 : resolved.share.id
  const about = { ino: 0, dir: 0, name: path.slice(0, PATH_MAX), toDir: 0, toName: '' }
  engine.stream.noteRefusal('MountShare', share, about, why, origin)
  return true
}

const NOBODY = { uid: 65534, gid: 65534 }

interface Mounted {
  readonly fhandle: Buffer
  /** The record that the handle rests on: it must outlive a crash. */
  readonly seq: number
}

export function mnt(engine: Engine, exports: Exports, handles: HandleCodec): Procedure {
  const { positions } = engine.world
  const noted = (path: string, call: Call, share: Share, place: Place): Mounted | Refusal => {
    // A moment takes time to find, and the share may be closed to the caller by now.
    const who = exports.admit(call.caller, share, call.principal)
    if (typeof who === 'string') return who
    const { client } = call.caller
    const { uid, gid } = call.principal ?? who
    const origin = { op: operations['mount3.MNT'], client, uid, gid, xid: 0, checksum: 0 }
    const command = { type: 'MountShare', client, share: share.id, path } as const
    const decision = engine.stream.submit(command, origin)
    const seq = typeof decision === 'string' ? 0 : decision.seq
    const { ino, generation, asOf } = place
    const fhandle = handles.encode(share.id, ino, generation, asOf)
    return { fhandle, seq: Math.max(seq, positions.saw) }
  }
  const mount = (path: string, call: Call) => {
    const resolved = resolve(engine, path)
    if (typeof resolved === 'string') return resolved
    const { share, rest } = resolved
    const who = exports.admit(call.caller, share, call.principal)
    if (typeof who === 'string') return who
    const place = find(engine, share, rest)
    if (!(place instanceof Promise)) {
      return typeof place === 'string' ? place : noted(path, call, share, place)
    }
    return place.then((later) => {
      if (typeof later === 'string') return later
      const still = engine.world.control.shares.get(share.id)
      positions.saw = 0
      return still === undefined || still.deleted !== 0
        ? 'noEntry'
        : noted(path, call, still, later)
    })
  }
  const refusals = new RepeatLimiter<RefusedMount>({
    tell: (refused, count) => noteRefused(engine, refused, count),
  })
  const answer = (path: string, call: Call, mounted: Mounted | Refusal, w: ReplyWriter): number => {
    if (typeof mounted === 'string') {
      const what = `${call.caller.client} ${path.slice(0, PATH_MAX)}`
      refusals.add(what, { path, why: mounted, call })
      MNT3res.encode(w, { fhs_status: mountStatus(mounted) })
      return 0
    }
    const { fhandle, seq } = mounted
    const auth_flavors = [auth_flavor.AUTH_SYS, auth_flavor.AUTH_NONE]
    MNT3res.encode(w, { fhs_status: mountstat3.MNT3_OK, fhandle, auth_flavors })
    return seq
  }
  return {
    number: mountproc3.MNT,
    name: 'MNT',
    serve: (reader, call, w) => {
      const { dirpath } = MNT3args.decode(reader)
      positions.saw = 0
      const mounted = mount(dirpath, call)
      if (!(mounted instanceof Promise)) return answer(dirpath, call, mounted, w)
      return mounted.then((later) => (out) => answer(dirpath, call, later, out))
    },
  }
}
