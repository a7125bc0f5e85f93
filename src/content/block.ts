/**
 * A block as it lies in a segment (docs/formats/segment.md), little-endian:
 *
 *   0  magic 'DBLK'          8  SHA-256 of the bytes
 *   4  length         u32   40  CRC-32 of the header: bytes 0 to 39 and the granules' checksums
 *                           44  CRC-32 of each granule of 64 KiB (one u32 each)
 *                               the bytes, then zeros up to a multiple of 8
 */
import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { BLOCK_MAX, KiB } from '../platform/limits.ts'

export const BLOCK_MAGIC = 0x4b4c4244
const FIXED = 44
/** The unit in which blocks are checked when they are read. */
export const CHECKED = 64 * KiB

/** Where a block lies. */
export interface Location {
  readonly segment: number
  /** Of its header. */
  readonly offset: number
  /** Of its bytes. */
  readonly length: number
  /** Not all of it is what was written: it stands for no later equal block. */
  readonly damaged?: boolean
}

const granules = (length: number): number => Math.ceil(length / CHECKED)

export const headerSize = (length: number): number => FIXED + 4 * granules(length)

/** What a block takes in a segment. */
export const storedSize = (length: number): number => (headerSize(length) + length + 7) & ~7

const PADDING = Buffer.alloc(8)

/** The id of a block: its SHA-256, as a string of 32 characters (latin1). */
export const blockId = (bytes: Buffer): string => hash('sha256', bytes, 'latin1')

/**
 * The buffers to write for a block: header, bytes, padding. `checksum`: CRC-32 of the bytes, where
 * somebody knows it of a block of one granule.
 */
export function framed(id: string, bytes: Buffer, checksum?: number): readonly Buffer[] {
  const size = headerSize(bytes.length)
  const header = Buffer.allocUnsafe(size)
  header.writeUInt32LE(BLOCK_MAGIC, 0)
  header.writeUInt32LE(bytes.length, 4)
  header.latin1Write(id, 8, 32)
  if (checksum !== undefined && bytes.length <= CHECKED) header.writeUInt32LE(checksum, FIXED)
  else {
    for (let i = 0, at = 0; at < bytes.length; i++, at += CHECKED) {
      header.writeUInt32LE(crc32(bytes.subarray(at, at + CHECKED)), FIXED + 4 * i)
    }
  }
  header.writeUInt32LE(headerChecksum(header), 40)
  const gap = storedSize(bytes.length) - size - bytes.length
  return gap === 0 ? [header, bytes] : [header, bytes, PADDING.subarray(0, gap)]
}

function headerChecksum(header: Buffer): number {
  return crc32(header.subarray(FIXED), crc32(header.subarray(0, 40)))
}

export interface BlockHeader {
  readonly id: string
  readonly length: number
  /** One for each granule. */
  readonly checksums: readonly number[]
}

/** The length that a header claims, before it is whole; undefined when it is not a header. */
export function claimedLength(fixed: Buffer): number | undefined {
  if (fixed.length < FIXED || fixed.readUInt32LE(0) !== BLOCK_MAGIC) return undefined
  const length = fixed.readUInt32LE(4)
  return length > 0 && length <= BLOCK_MAX ? length : undefined
}

export const FIXED_HEADER = FIXED

/** The header at the start of `bytes`, or undefined when it is damaged or cut. */
export function readHeader(bytes: Buffer): BlockHeader | undefined {
  const length = claimedLength(bytes)
  if (length === undefined || bytes.length < headerSize(length)) return undefined
  const header = bytes.subarray(0, headerSize(length))
  if (header.readUInt32LE(40) !== headerChecksum(header)) return undefined
  const checksums = Array.from({ length: granules(length) }, (_, i) =>
    header.readUInt32LE(FIXED + 4 * i),
  )
  return { id: header.latin1Slice(8, 40), length, checksums }
}

/** Whether granules of a block, the first of them number `first`, are what was written. */
export function intact(bytes: Buffer, checksums: readonly number[], first = 0): boolean {
  for (let i = first, at = 0; at < bytes.length; i++, at += CHECKED) {
    if (crc32(bytes.subarray(at, at + CHECKED)) !== checksums[i]) return false
  }
  return true
}
