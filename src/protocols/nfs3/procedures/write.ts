// RFC 1813 section 3.3.7: WRITE - Write to file.

import type { Written } from '../../../commands/content/file-content.ts'
import { SealError } from '../../../commands/content/sealer.ts'
import { aboutNode } from '../../../commands/decider.ts'
import type { Refusal } from '../../../journal/refusal.ts'
import { FILE_SIZE_MAX } from '../../../platform/limits.ts'
import { compile } from '../../../wire/compile.ts'
import type { Reader } from '../../../wire/reader.ts'
import type { Infer } from '../../../wire/schema.ts'
import * as xdr from '../../../wire/schema.ts'
import type { Call, Outcome, Procedure, WriteResult } from '../../rpc/program.ts'
import type { ReplyWriter } from '../../rpc/reply-writer.ts'
import { type Nfs3, NOW, type Opened } from '../context.ts'
import { nfs3Status } from '../status.ts'
import { MAX_IO, nfs_fh3, OK, result3, wcc_data, writeverf3 } from '../wire-types.ts'

export const stable_how = { UNSTABLE: 0, DATA_SYNC: 1, FILE_SYNC: 2 } as const

export const WRITE3args = compile(
  xdr.struct('WRITE3args', {
    file: nfs_fh3,
    offset: xdr.uint53,
    count: xdr.u32,
    stable: xdr.enumOf('stable_how', stable_how),
    data: xdr.opaque(MAX_IO),
  }),
)
export const WRITE3res = compile(
  result3(
    'WRITE3res',
    xdr.struct('WRITE3resok', {
      file_wcc: wcc_data,
      count: xdr.u32,
      committed: xdr.enumOf('stable_how', stable_how),
      verf: writeverf3,
    }),
    xdr.struct('WRITE3resfail', { file_wcc: wcc_data }),
  ),
)

type Args = Infer<typeof WRITE3args.schema>

const NO_WCC: wcc_data = { before: undefined, after: undefined }

/**
 * Asked again it writes the same bytes again: it needs no reply cache, and its data no checksum.
 */
export class WriteProcedure implements Procedure {
  readonly number = 7
  readonly name = 'WRITE'
  readonly brief = true
  private readonly nfs: Nfs3

  constructor(nfs: Nfs3) {
    this.nfs = nfs
  }

  readonly serve = (reader: Reader, call: Call, w: ReplyWriter): Outcome => {
    const { nfs } = this
    const args = WRITE3args.decode(reader)
    const { positions } = nfs.engine.world
    positions.saw = 0
    nfs.beginWrite(call)
    const opened = nfs.openToChange(args.file, call)
    if (typeof opened === 'string') {
      nfs.noteUnopened('WriteContent', 'nfs3.WRITE', opened, call)
      return this.refuse(w, opened, undefined)
    }
    const written = this.take(opened, args, call)
    if (typeof written === 'string') {
      const origin = nfs.origin(call, 'nfs3.WRITE', opened.principal)
      const about = aboutNode(opened.ino)
      nfs.engine.stream.noteRefusal('WriteContent', opened.share.id, about, written, origin)
      return this.refuse(w, written, opened)
    }
    const stable = args.stable !== stable_how.UNSTABLE
    const count = Math.min(args.count, args.data.length)
    const { durable } = written
    const waits = durable instanceof Promise && opened.share.options.durability === 'durable'
    if (!waits) {
      // What goes wrong in an async share is met again by whoever seals what is still staged.
      if (durable instanceof Promise) durable.catch(() => undefined)
      this.answer(w, opened, count, stable)
      const seq = typeof durable === 'number' ? durable : 0
      return nfs.holdFor(opened.share, Math.max(seq, positions.saw))
    }
    return durable.then(
      () =>
        this.later((out) => {
          this.answer(out, opened, count, stable)
          return nfs.holdFor(opened.share, positions.saw)
        }),
      (error: unknown) => {
        if (!(error instanceof SealError)) throw error
        return this.later((out) => this.refuse(out, error.refusal, opened))
      },
    )
  }

  /** Attributes are those of then: of whatever was decided meanwhile, durable or not. */
  private later(write: (w: ReplyWriter) => number): WriteResult {
    const { positions } = this.nfs.engine.world
    return (w) => {
      positions.saw = 0
      return write(w)
    }
  }

  private take(
    { share, ino, principal, asOf }: Opened,
    { offset, count, stable, data }: Args,
    call: Call,
  ): Written | Refusal {
    if (asOf !== NOW) return 'readOnly'
    if (offset > FILE_SIZE_MAX) return 'fileTooLarge'
    const bytes = data.length > count ? data.subarray(0, count) : data
    const { content } = this.nfs.engine
    const origin = this.nfs.origin(call, 'nfs3.WRITE', principal)
    const sync = stable !== stable_how.UNSTABLE
    return content.write(share.id, ino, offset, bytes, sync, origin, principal)
  }

  private answer(w: ReplyWriter, opened: Opened, count: number, stable: boolean): void {
    WRITE3res.encode(w, {
      status: OK,
      file_wcc: this.nfs.wcc(opened, NOW),
      count,
      committed: stable ? stable_how.FILE_SYNC : stable_how.UNSTABLE,
      verf: this.nfs.engine.verifier,
    })
  }

  /**
   * Waits for nothing, since the journal may be what is wrong: so it tells of nothing that is not
   * durable either.
   */
  private refuse(w: ReplyWriter, why: Refusal, opened: Opened | undefined): number {
    const { world, stream } = this.nfs.engine
    const wcc = this.nfs.wcc(opened, NOW)
    const told = this.nfs.holdFor(opened?.share, world.positions.saw) <= stream.durable
    const file_wcc = told ? wcc : NO_WCC
    WRITE3res.encode(w, { status: nfs3Status[why], file_wcc })
    return 0
  }
}

export const write = (nfs: Nfs3): Procedure => new WriteProcedure(nfs)
