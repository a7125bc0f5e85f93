/** Where a connection gets its calls from: pre-encoded records in which little is patched. */
export interface CallSource {
  /** The most bytes that `put` writes. */
  readonly size: number
  /** A reply shorter than this did not carry what was asked for. */
  readonly leastReply: number
  /** How many of the first bytes of a reply `finished` wants to see; others see its header only. */
  readonly keep?: number
  /** Writes the next call at `out[at]` and returns where it ends. */
  put(out: Buffer, at: number, xid: number): number
  /** What follows that call on the wire, sent from where it lies. */
  payload?(): Buffer
  /** True when there is no further call to send. */
  exhausted?(): boolean
  /** False while a reply is only one step of an operation of several calls. */
  finished?(bytes: Buffer, at: number, length: number): boolean
}
