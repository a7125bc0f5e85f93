/**
 * Four bytes behind each value of a store on a disk, made of its key and itself: LMDB has none. A
 * single flipped bit always shows; it is no protection from forgery.
 */
export const CHECKSUM = 4

/**
 * Values come as buffers of many makes (LMDB's own, slices, views), which makes reading them byte
 * by byte some twenty times as slow as reading one that is always the same: so they are copied
 * there.
 */
let staged = Buffer.alloc(4096)
let words = new Int32Array(staged.buffer, staged.byteOffset, staged.length / 4)

function stage(value: Buffer, length: number): void {
  if (length > staged.length) {
    staged = Buffer.from(new ArrayBuffer(2 ** Math.ceil(Math.log2(length))))
    words = new Int32Array(staged.buffer)
  }
  value.copy(staged, 0, 0, length)
}

export function rowChecksum(key: Buffer, value: Buffer, length: number): number {
  let sum = length
  stage(key, key.length)
  for (let i = 0; i < key.length; i++) sum = Math.imul(sum ^ (staged[i] as number), 0x01000193)
  stage(value, length)
  const whole = length >>> 2
  for (let i = 0; i < whole; i++) {
    sum = Math.imul(sum ^ (words[i] as number), 0x9e3779b1)
    // What is multiplied only moves bits up.
    sum = (sum << 13) | (sum >>> 19)
  }
  for (let i = 4 * whole; i < length; i++) {
    sum = Math.imul(sum ^ (staged[i] as number), 0x01000193)
  }
  return sum >>> 0
}

/** The value without its checksum, or undefined when it is not what was written. */
export function checkedValue(key: Buffer, stored: Buffer): Buffer | undefined {
  const length = stored.length - CHECKSUM
  if (length < 0) return undefined
  const sum =
    ((stored[length] as number) |
      ((stored[length + 1] as number) << 8) |
      ((stored[length + 2] as number) << 16) |
      ((stored[length + 3] as number) << 24)) >>>
    0
  return sum === rowChecksum(key, stored, length) ? stored.subarray(0, length) : undefined
}

let scratch = Buffer.alloc(64 * 1024)

/** A value with its checksum. A view that is valid until the next call. */
export function withChecksum(key: Buffer, value: Buffer): Buffer {
  const { length } = value
  if (length + CHECKSUM > scratch.length) scratch = Buffer.alloc(2 * (length + CHECKSUM))
  value.copy(scratch, 0, 0, length)
  scratch.writeUInt32LE(rowChecksum(key, value, length), length)
  return scratch.subarray(0, length + CHECKSUM)
}
