/**
 * A frame: the records of one group commit, the unit of append. docs/formats/frame.md.
 *
 *   0  magic 'DFSJ'            32  time, nanoseconds   u32
 *   4  version                 36  hash of the frame before (SHA-256)
 *   5  flags (1: zstd)         68  payload length      u32
 *   6  reserved                72  stored length       u32
 *   8  epoch             u32   76  payload, stored length bytes
 *  12  count             u32       CRC-32 of all before it   u32
 *  16  first seq         u64
 *  24  time, seconds     u64
 *
 * Big-endian. A frame's hash is the SHA-256 of all its bytes, so the chain covers what is stored
 * and is verified without decompressing.
 */
import { hash } from 'node:crypto'
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Instant } from '../platform/clock.ts'
import { FRAME_DECODE_MAX } from '../platform/limits.ts'
import { JournalFormatError } from './fields.ts'
import { type JournalRecord, unpackRecords } from './record.ts'

const MAGIC = 0x4446534a
const VERSION = 1
const COMPRESSED = 1
const HEADER = 76
const TRAILER = 4
/** Below this, compression costs more time than it saves bytes. */
const COMPRESS_FROM = 4096
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** Of the frame before the first one. */
export const GENESIS_HASH = Buffer.alloc(32)

export interface FrameHeader {
  readonly epoch: number
  readonly firstSeq: number
  readonly count: number
  /** Of its last record. */
  readonly time: Instant
  readonly previousHash: Buffer
}

export interface Frame extends FrameHeader {
  readonly hash: Buffer
  /** The packed records, one behind the other. */
  readonly payload: Buffer
  /** What the journal stores. */
  readonly bytes: Buffer
}

export const lastSeq = ({ firstSeq, count }: FrameHeader): number => firstSeq + count - 1

export function encodeFrame(header: FrameHeader, records: readonly Buffer[]): Frame {
  const payload = Buffer.concat(records)
  const compressed = payload.length >= COMPRESS_FROM ? zstdCompressSync(payload, FAST) : payload
  const smaller = compressed.length < payload.length
  const stored = smaller ? compressed : payload
  const bytes = Buffer.allocUnsafeSlow(HEADER + stored.length + TRAILER)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  view.setUint32(0, MAGIC)
  view.setUint8(4, VERSION)
  view.setUint8(5, smaller ? COMPRESSED : 0)
  view.setUint16(6, 0)
  view.setUint32(8, header.epoch)
  view.setUint32(12, header.count)
  setUint53(view, 16, header.firstSeq)
  setUint53(view, 24, header.time.sec)
  view.setUint32(32, header.time.nsec)
  header.previousHash.copy(bytes, 36)
  view.setUint32(68, payload.length)
  view.setUint32(72, stored.length)
  stored.copy(bytes, HEADER)
  const end = HEADER + stored.length
  view.setUint32(end, crc32(bytes.subarray(0, end)))
  return { ...header, hash: hashOf(bytes), payload, bytes }
}

/** Checks everything that the frame alone can show. Throws JournalFormatError. */
export function decodeFrame(bytes: Buffer): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length < HEADER + TRAILER || view.getUint32(0) !== MAGIC) {
    throw new JournalFormatError('not a frame')
  }
  const storedLength = view.getUint32(72)
  const end = HEADER + storedLength
  if (bytes.length !== end + TRAILER) {
    throw new JournalFormatError(`frame of ${bytes.length} bytes says it has ${end + TRAILER}`)
  }
  if (view.getUint32(end) !== crc32(bytes.subarray(0, end))) {
    throw new JournalFormatError('frame checksum does not match')
  }
  const version = view.getUint8(4)
  if (version !== VERSION) throw new JournalFormatError(`frame version ${version} is not known`)
  const payloadLength = view.getUint32(68)
  const stored = bytes.subarray(HEADER, end)
  return {
    epoch: view.getUint32(8),
    count: view.getUint32(12),
    firstSeq: getUint53(view, 16),
    time: { sec: getUint53(view, 24), nsec: view.getUint32(32) },
    previousHash: bytes.subarray(36, 68),
    hash: hashOf(bytes),
    payload: inflate(stored, payloadLength, (view.getUint8(5) & COMPRESSED) !== 0),
    bytes,
  }
}

/** What an append needs of an encoded frame, read from it. */
export function frameToAppend(
  bytes: Buffer,
): Pick<Frame, 'bytes' | 'count' | 'firstSeq' | 'previousHash'> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const [count, firstSeq] = [view.getUint32(12), getUint53(view, 16)]
  return { bytes, count, firstSeq, previousHash: bytes.subarray(36, 68) }
}

export const recordsOf = (frame: Frame): JournalRecord[] =>
  unpackRecords(frame.payload, frame.firstSeq, frame.count)

function inflate(stored: Buffer, length: number, compressed: boolean): Buffer {
  if (length > FRAME_DECODE_MAX) throw new JournalFormatError(`frame payload of ${length} bytes`)
  const payload = compressed ? decompress(stored, length) : stored
  if (payload.length !== length) {
    throw new JournalFormatError(`payload of ${payload.length} bytes says it has ${length}`)
  }
  return payload
}

function decompress(stored: Buffer, length: number): Buffer {
  try {
    return zstdDecompressSync(stored, { maxOutputLength: length })
  } catch (error) {
    throw new JournalFormatError(`frame does not decompress: ${String(error)}`)
  }
}

function hashOf(bytes: Buffer): Buffer {
  return hash('sha256', bytes, 'buffer')
}

function setUint53(view: DataView, at: number, value: number): void {
  view.setUint32(at, value / 2 ** 32)
  view.setUint32(at + 4, value)
}

function getUint53(view: DataView, at: number): number {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4)
}
