/**
 * File handles (docs/formats/handle.md): opaque to clients, and checked by us before anything they
 * say is believed.
 *
 *   0  version (1)        u8      8  inode number               u48
 *   1  reserved           u8     14  as of record, 0: live      u48
 *   2  share              u16    20  SipHash-2-4 of all before  u64
 *   4  generation         u32
 */
import { compileSipHash, type SipKey, sipKey } from '../auth/siphash.ts'

export const HANDLE_SIZE = 28
const VERSION = 1
const WORDS = 5

const siphash = compileSipHash(WORDS)

export interface Handle {
  share: number
  ino: number
  generation: number
  /** The record whose moment it looks at; 0 for now. */
  asOf: number
}

export class HandleCodec {
  private readonly key: SipKey
  private readonly words = new Int32Array(WORDS)
  private readonly hash = { low: 0, high: 0 }
  private readonly decoded: Handle = { share: 0, ino: 0, generation: 0, asOf: 0 }

  /** `key`: sixteen bytes as a string. */
  constructor(key: string) {
    this.key = sipKey(Buffer.from(key, 'latin1'))
  }

  encode(share: number, ino: number, generation: number, asOf = 0): Buffer {
    const bytes = Buffer.allocUnsafe(HANDLE_SIZE)
    this.encodeInto(bytes, 0, share, ino, generation, asOf)
    return bytes
  }

  encodeInto(
    bytes: Buffer,
    at: number,
    share: number,
    ino: number,
    generation: number,
    asOf: number,
  ): void {
    const { words, hash } = this
    words[0] = (VERSION << 24) | share
    words[1] = generation
    words[2] = ino / 2 ** 16
    words[3] = ((ino % 2 ** 16) << 16) | (asOf / 2 ** 32)
    words[4] = asOf
    siphash(this.key, words, hash)
    for (let i = 0; i < WORDS; i++) put32(bytes, at + 4 * i, words[i] as number)
    put32(bytes, at + 20, hash.high)
    put32(bytes, at + 24, hash.low)
  }

  /** The handle, valid until the next call; undefined when we have not made it. */
  decode(bytes: Buffer): Handle | undefined {
    if (bytes.length !== HANDLE_SIZE || bytes[0] !== VERSION) return undefined
    const { words, hash, decoded } = this
    for (let i = 0; i < WORDS; i++) words[i] = get32(bytes, 4 * i)
    siphash(this.key, words, hash)
    if (get32(bytes, 20) !== (hash.high | 0) || get32(bytes, 24) !== (hash.low | 0))
      return undefined
    // One by one: to destructure makes an iterator for each call.
    const inoAndMoment = words[3] as number
    decoded.share = (words[0] as number) & 0xffff
    decoded.generation = (words[1] as number) >>> 0
    decoded.ino = ((words[2] as number) >>> 0) * 2 ** 16 + (inoAndMoment >>> 16)
    decoded.asOf = (inoAndMoment & 0xffff) * 2 ** 32 + ((words[4] as number) >>> 0)
    return decoded
  }
}

function put32(bytes: Buffer, at: number, word: number): void {
  bytes[at] = word >>> 24
  bytes[at + 1] = word >>> 16
  bytes[at + 2] = word >>> 8
  bytes[at + 3] = word
}

const get32 = (bytes: Buffer, at: number): number =>
  ((bytes[at] as number) << 24) |
  ((bytes[at + 1] as number) << 16) |
  ((bytes[at + 2] as number) << 8) |
  (bytes[at + 3] as number)
