import { Writer } from '../../wire/writer.ts'

interface Attachment {
  /** Where in the written bytes it belongs. */
  readonly at: number
  readonly bytes: Buffer
}

const RECORD_MARK = 0x80000000
/** Behind the record mark and the header of an accepted reply. */
const RESULTS_AT = 4 + 24
/** What is smaller is copied: a buffer of its own costs the socket more than the copy does. */
const ATTACH_FROM = 16 * 1024

/** One for all holes that are read. */
const ZEROS = Buffer.alloc(256 * 1024)

/** What is written is copied out of the writer up to here; more goes out with its buffer. */
const COPY_UP_TO = 8 * 1024

/**
 * Replies of one connection on their way out, one behind the other. Large data is not copied into
 * them: it is attached where it belongs and goes to the socket from where it lies.
 */
export class ReplyWriter extends Writer {
  private attachments: Attachment[] = []
  private attached = 0
  private started = 0
  private attachedBefore = 0
  private attachmentsBefore = 0

  /** Begins a record. */
  begin(): void {
    this.started = this.take(4)
    this.attachedBefore = this.attached
    this.attachmentsBefore = this.attachments.length
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

  /** The record that was just ended, taken out again: a copy, and what was attached to it. */
  takeBack(): Buffer[] {
    const buffers: Buffer[] = []
    let from = this.started
    for (const { at, bytes } of this.attachments.slice(this.attachmentsBefore)) {
      buffers.push(Buffer.from(this.bytes.subarray(from, at)), bytes)
      from = at
    }
    buffers.push(Buffer.from(this.bytes.subarray(from, this.pos)))
    this.abandon()
    return buffers
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

  private copied(): Buffer {
    const copy = Buffer.from(this.bytes.subarray(0, this.pos))
    this.reset()
    return copy
  }

  get pending(): number {
    return this.pos + this.attached
  }

  /** Everything written, in order; the writer goes on with a buffer of its own. */
  drain(): Buffer[] {
    const attachments = this.attachments
    const written = this.pos <= COPY_UP_TO ? this.copied() : this.detach()
    this.attachments = []
    this.attached = 0
    if (attachments.length === 0) return [written]
    const buffers: Buffer[] = []
    let from = 0
    for (const { at, bytes } of attachments) {
      if (at > from) buffers.push(written.subarray(from, at))
      buffers.push(bytes)
      from = at
    }
    if (written.length > from) buffers.push(written.subarray(from))
    return buffers
  }
}
