/**
 * Four bytes behind each value of a store on a disk, made of its key and itself: LMDB has none. A
 * single flipped bit always shows; it is no protection from forgery.
 */
export const CHECKSUM = 4

export function rowChecksum(key: Uint8Array, value: Uint8Array, length: number): number {
  let sum = length
  for (let i = 0; i < key.length; i++) sum = Math.imul(sum ^ (key[i] as number), 0x01000193)
  let i = 0
  for (; i + 4 <= length; i += 4) {
    const word =
      (value[i] as number) |
      ((value[i + 1] as number) << 8) |
      ((value[i + 2] as number) << 16) |
      ((value[i + 3] as number) << 24)
    sum = Math.imul(sum ^ word, 0x9e3779b1)
    // What is multiplied only moves bits up.
    sum = (sum << 13) | (sum >>> 19)
  }
  for (; i < length; i++) sum = Math.imul(sum ^ (value[i] as number), 0x01000193)
  return sum >>> 0
}

/** The value without its checksum, or undefined when it is not what was written. */
export function checkedValue(key: Uint8Array, stored: Buffer): Buffer | undefined {
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
export function withChecksum(key: Uint8Array, value: Buffer): Buffer {
  const { length } = value
  if (length + CHECKSUM > scratch.length) scratch = Buffer.alloc(2 * (length + CHECKSUM))
  value.copy(scratch, 0, 0, length)
  scratch.writeUInt32LE(rowChecksum(key, value, length), length)
  return scratch.subarray(0, length + CHECKSUM)
}
