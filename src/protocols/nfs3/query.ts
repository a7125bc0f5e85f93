import type { Principal } from '../../auth/principal.ts'
import { aboutEntry, aboutNode } from '../../commands/decider.ts'
import type { OperationName } from '../../journal/command-names.ts'
import type { About } from '../../journal/record.ts'
import type { Refusal } from '../../journal/refusal.ts'
import type { Share } from '../../projections/share.ts'
import type { Reader } from '../../wire/reader.ts'
import type { Codec } from '../../wire/schema.ts'
import type { Call, Outcome, Procedure } from '../rpc/program.ts'
import type { ReplyWriter } from '../rpc/reply-writer.ts'
import type { Nfs3 } from './context.ts'
import { nfs3Status } from './status.ts'

/** A procedure that changes nothing that must happen once: asked again it answers again. */
export interface Query<Args, Res extends { readonly status: number }> {
  readonly number: number
  readonly name: string
  readonly args: Codec<Args>
  /** Needed only without `write`. */
  readonly res?: Codec<Res>
  readonly run: (nfs: Nfs3, args: Args, call: Call) => NoInfer<Res> | Promise<NoInfer<Res>>
  /** For shares whose audit level is `all`: the handle, and the name in it, that were asked for. */
  readonly about: (args: Args) => { readonly handle: Buffer; readonly name?: string }
  /** `run` needs its arguments no more when it returns. */
  readonly brief?: boolean
  /** Writes the result where the codec would copy too much. */
  readonly write?: (w: ReplyWriter, res: Res) => void
}

export function queryProcedure<Args, Res extends { readonly status: number }>(
  nfs: Nfs3,
  query: Query<Args, Res>,
): Procedure {
  const { number, name, args: argsCodec, res: resCodec, run } = query
  const write = query.write ?? (resCodec as Codec<Res>).encode
  const { positions } = nfs.engine.world
  const serve = (reader: Reader, call: Call, w: ReplyWriter): Outcome => {
    const args = argsCodec.decode(reader)
    positions.saw = 0
    nfs.begin()
    const result = run(nfs, args, call)
    const share = nfs.lastShare as Share | undefined
    if (result instanceof Promise) {
      // What the synchronous part has seen; the rest of such a procedure looks at nothing else.
      const seq = nfs.holdFor(share, positions.saw)
      const audited = share?.options.audit === 'all' ? share : undefined
      const what = audited && subjectOf(nfs, query, args)
      return result.then((later) => {
        if (audited && what) audit(nfs, query, audited, what, later.status, call)
        return (out: ReplyWriter) => {
          write(out, later)
          return seq
        }
      })
    }
    write(w, result)
    // A listing looks at its entries while it is written.
    const seq = nfs.holdFor(share, positions.saw)
    if (share?.options.audit === 'all') {
      audit(nfs, query, share, subjectOf(nfs, query, args), result.status, call)
    }
    return seq
  }
  return { number, name, serve, brief: query.brief === true }
}

/** Of several refusals that NFSv3 has one status for, the first is the plain one. */
const refusalOfStatus = new Map<number, Refusal>(
  Object.entries(nfs3Status)
    .map(([refusal, status]) => [status, refusal as Refusal] as const)
    .reverse(),
)

const NOBODY: Principal = { uid: 65534, gid: 65534, gids: [] }

/** What a call asks about. */
function subjectOf<Args>(
  nfs: Nfs3,
  { about }: Pick<Query<Args, never>, 'about'>,
  args: Args,
): About {
  const { handle, name } = about(args)
  const ino = nfs.handles.decode(handle)?.ino ?? 0
  return name === undefined ? aboutNode(ino) : aboutEntry(ino, name)
}

/** Leaves an access record, which no reply waits for. */
function audit(
  nfs: Nfs3,
  { name }: { readonly name: string },
  share: Share,
  what: About,
  status: number,
  call: Call,
): void {
  const principal = nfs.exports.admit(call.caller, share, call.principal)
  // Who was not let in is whoever the call says it is.
  const who = typeof principal === 'string' ? (call.principal ?? NOBODY) : principal
  const origin = nfs.origin(call, `nfs3.${name}` as OperationName, who)
  nfs.engine.stream.noteAccess(share.id, what, refusalOfStatus.get(status), origin)
}
