import type { Principal } from '../../auth/principal.ts'
import { type OperationName, operations } from '../../journal/command-names.ts'
import { type Refusal, refusals } from '../../journal/refusal.ts'
import type { Share } from '../../projections/share.ts'
import type { Reader } from '../../wire/reader.ts'
import type { Codec } from '../../wire/schema.ts'
import type { Call, Outcome, Procedure } from '../rpc/program.ts'
import type { ReplyWriter } from '../rpc/reply-writer.ts'
import type { Nfs3 } from './context.ts'
import { nfs3Status } from './status.ts'
import { OK } from './wire-types.ts'

/** A procedure that changes nothing that must happen once: asked again it answers again. */
export interface Query<Args, Res extends { readonly status: number }> {
  readonly number: number
  readonly name: string
  readonly args: Codec<Args>
  /** Needed only without `write`. */
  readonly res?: Codec<Res>
  /** A function that it resolves to is called for the result, which may look at the world. */
  readonly run: (
    nfs: Nfs3,
    args: Args,
    call: Call,
  ) => NoInfer<Res> | Promise<NoInfer<Res> | (() => NoInfer<Res>)>
  /** For shares whose audit level is `all`: the name that is asked for in what is opened. */
  readonly nameIn?: (args: Args) => string
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
  const op = operations[`nfs3.${name}` as OperationName]
  const nameIn = query.nameIn ?? (() => '')
  const serve = (reader: Reader, call: Call, w: ReplyWriter): Outcome => {
    const args = argsCodec.decode(reader)
    positions.saw = 0
    nfs.begin()
    const result = run(nfs, args, call)
    const share = nfs.lastShare as Share | undefined
    const audited = share?.options.audit === 'all' ? share : undefined
    if (result instanceof Promise) {
      // What the synchronous part has seen.
      const seq = nfs.holdFor(share, positions.saw)
      const [who, ino] = [nfs.lastPrincipal, nfs.lastIno]
      const asked = audited && nameIn(args)
      return result.then((made) => {
        positions.saw = 0
        const later = typeof made === 'function' ? made() : made
        const hold = Math.max(seq, nfs.holdFor(share, positions.saw))
        if (audited) audit(nfs, op, call, who, audited, later.status, ino, asked ?? '')
        return (out: ReplyWriter) => {
          write(out, later)
          return hold
        }
      })
    }
    write(w, result)
    // A listing looks at its entries while it is written.
    const seq = nfs.holdFor(share, positions.saw)
    if (audited !== undefined) {
      const asked = nameIn(args)
      audit(nfs, op, call, nfs.lastPrincipal, audited, result.status, nfs.lastIno, asked)
    }
    return seq
  }
  return { number, name, serve, brief: query.brief === true }
}

/** Of several refusals that NFSv3 has one status for, the first is the plain one. */
const refusalOfStatus = new Map<number, number>(
  Object.entries(nfs3Status)
    .map(([refusal, status]) => [status, refusals[refusal as Refusal]] as const)
    .reverse(),
)

const NOBODY: Principal = { uid: 65534, gid: 65534, gids: [] }

/**
 * Leaves an access record, which no reply waits for. `who`: undefined when it was not let in; then
 * it is whoever the call says it is.
 */
function audit(
  { engine }: Nfs3,
  op: number,
  { caller, principal }: Call,
  who: Principal | undefined,
  share: Share,
  status: number,
  ino: number,
  name: string,
): void {
  const refusal = status === OK ? 0 : (refusalOfStatus.get(status) ?? 0)
  const { accesses } = engine.stream
  accesses.note(op, caller.client, who ?? principal ?? NOBODY, share.id, refusal, ino, name)
}
