import { KiB } from '../../platform/limits.ts'
import { Writer } from '../../wire/writer.ts'
import { type Slab, slabs } from './slab.ts'

interface Attachment {
  /** Where in the written bytes it belongs. */
  readonly at: number
  readonly bytes: Buffer
}

/**
 * Replies on their way to the socket, and what they lie in: to be given back when they are gone.
 */
export interface Outgoing {
  readonly buffers: readonly Buffer[]
  readonly bytes: number
  readonly slab: Slab | undefined
}

const RECORD_MARK = 0x80000000
/** Behind the record mark and the header of an accepted reply. */
const RESULTS_AT = 4 + 24
/** What is smaller is copied: a buffer of its own costs the socket more than the copy does. */
const ATTACH_FROM = 16 * KiB
/** Less than this is copied out, so that little does not keep a slab. */
const COPY_BELOW = 4 * KiB

/** One for all holes that are read. */
const ZEROS = Buffer.alloc(256 * KiB)
const NOTHING = Buffer.alloc(0)
const NOWHERE = new DataView(NOTHING.buffer, 0, 0)

/**
 * Replies of one connection on their way out, one behind the other. Large data is not copied into
 * them: it is attached where it belongs and goes to the socket from where it lies. It has memory
 * only while there is something in it.
 */
export class ReplyWriter extends Writer {
  private slab: Slab | undefined
  private attachments: Attachment[] = []
  private attached = 0
  private started = 0
  private attachedBefore = 0
  private attachmentsBefore = 0

  constructor(limit: number) {
    super(0, limit)
  }

  /** Begins a record. */
  begin(): void {
    this.open()
    this.started = this.take(4)
    this.attachedBefore = this.attached
    this.attachmentsBefore = this.attachments.length
  }

  private open(): void {
    if (this.bytes.length > 0) return
    this.slab = slabs.take()
    this.bytes = this.slab.bytes
    this.view = this.slab.view
  }

  /** Ends the record that `begin` began. */
  end(): void {
    const length = this.pos - this.started - 4 + (this.attached - this.attachedBefore)
    this.view.setUint32(this.started, RECORD_MARK + length)
  }

  /** The first word of the results of the record that was begun: in most programs, their status. */
  get status(): number {
    const at = this.started + RESULTS_AT
    return at + 4 <= this.pos ? this.view.getUint32(at) : 0
  }

  /** Gives up the record that `begin` began. */
  abandon(): void {
    this.pos = this.started
    this.attachments.length = this.attachmentsBefore
    this.attached = this.attachedBefore
  }

  /** Forgets what was written since `begin`, and goes on writing the record. */
  restart(): void {
    this.abandon()
    this.take(4)
  }

  /** Takes the record that was just ended out again, into another writer. */
  moveTo(other: ReplyWriter): void {
    other.open()
    const length = this.pos - this.started
    const start = other.take(length)
    this.bytes.copy(other.bytes, start, this.started, this.pos)
    for (let i = this.attachmentsBefore; i < this.attachments.length; i++) {
      const { at, bytes } = this.attachments[i] as Attachment
      other.attachments.push({ at: at - this.started + start, bytes })
      other.attached += bytes.length
    }
    this.abandon()
  }

  /** Bytes that must stay as they are until the socket has them. */
  attach(bytes: Buffer): void {
    if (bytes.length < ATTACH_FROM) {
      const start = this.take(bytes.length)
      bytes.copy(this.bytes, start)
      return
    }
    this.attachments.push({ at: this.pos, bytes })
    this.attached += bytes.length
  }

  zeros(length: number): void {
    if (length >= ATTACH_FROM) {
      for (let left = length; left > 0; left -= ZEROS.length) {
        this.attach(left >= ZEROS.length ? ZEROS : ZEROS.subarray(0, left))
      }
      return
    }
    const start = this.take(length)
    this.bytes.fill(0, start, start + length)
  }

  get pending(): number {
    return this.pos + this.attached
  }

  /** Everything written, in order. Whoever takes it gives the slab back. */
  drain(): Outgoing {
    const { attachments, attached, pos } = this
    if (pos < COPY_BELOW && attached === 0) {
      const copy = Buffer.from(this.bytes.subarray(0, pos))
      this.reset()
      return { buffers: [copy], bytes: pos, slab: undefined }
    }
    const written = this.bytes.subarray(0, pos)
    const { slab } = this
    this.release()
    if (attached === 0) return { buffers: [written], bytes: pos, slab }
    this.attachments = []
    this.attached = 0
    const buffers: Buffer[] = []
    let from = 0
    for (const { at, bytes } of attachments) {
      if (at > from) buffers.push(written.subarray(from, at))
      buffers.push(bytes)
      from = at
    }
    if (pos > from) buffers.push(written.subarray(from))
    return { buffers, bytes: pos + attached, slab }
  }

  /** A slab that holds nothing goes back. */
  rest(): void {
    if (this.pos > 0 || this.slab === undefined) return
    slabs.give(this.slab)
    this.release()
  }

  private release(): void {
    this.slab = undefined
    this.bytes = NOTHING
    this.view = NOWHERE
    this.reset()
  }

  protected override grow(needed: number): void {
    super.grow(needed)
    if (this.slab !== undefined) slabs.give(this.slab)
    this.slab = undefined
  }
}
