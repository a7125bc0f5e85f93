/** Messages as broken and hostile clients send them, made from good ones. */
import type { SeededRandom } from '../seeded-random.ts'

/** What the fields that parsers trust are set to. */
const hostileWords = [
  0, 1, 3, 0x7f, 0xff, 0x100, 0xffff, 0x10000, 0x100000, 0x100001, 0x7ffffffc, 0x7fffffff,
  0x80000000, 0x80000001, 0xfffffffc, 0xfffffffd, 0xffffffff,
] as const

const hostileLongs = [
  0n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
] as const

const ways = {
  truncate: 4,
  word: 6,
  long: 4,
  flip: 3,
  flips: 3,
  handle: 3,
  append: 1,
  insert: 1,
  scramble: 1,
} as const

/** A damaged copy of `message`; what lies before `from` stays as it is. */
export function damaged(
  random: SeededRandom,
  message: Buffer,
  from: number,
  handle: Buffer,
): Buffer {
  const copy = Buffer.from(message)
  const room = copy.length - from
  if (room < 4) return Buffer.concat([copy, random.bytes(random.below(64))])
  const word = from + 4 * random.below(Math.floor(room / 4))
  switch (random.weighted(ways)) {
    case 'truncate':
      return copy.subarray(0, from + random.below(room))
    case 'word':
      copy.writeUInt32BE(random.pick(hostileWords), word)
      return copy
    case 'long':
      copy.writeBigUInt64BE(random.pick(hostileLongs), Math.min(word, copy.length - 8))
      return copy
    case 'flip':
      return flip(random, copy, from)
    case 'flips':
      for (let i = random.between(2, 12); i > 0; i--) flip(random, copy, from)
      return copy
    case 'handle':
      return withOtherHandle(random, copy, handle)
    case 'append':
      return Buffer.concat([copy, random.bytes(random.below(200))])
    case 'insert': {
      const bytes = random.bytes(4 * random.between(1, 8))
      return Buffer.concat([copy.subarray(0, word), bytes, copy.subarray(word)])
    }
    case 'scramble':
      random.bytes(room).copy(copy, from)
      return copy
  }
}

function flip(random: SeededRandom, bytes: Buffer, from: number): Buffer {
  const at = from + random.below(bytes.length - from)
  bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
  return bytes
}

/** In place of `handle`: random bytes of the same length, or itself with some bits flipped. */
function withOtherHandle(random: SeededRandom, message: Buffer, handle: Buffer): Buffer {
  const at = message.indexOf(handle)
  if (at < 0) return message
  if (random.chance(0.3)) {
    random.bytes(handle.length).copy(message, at)
    return message
  }
  for (let i = random.between(1, 3); i > 0; i--) {
    const byte = at + random.below(handle.length)
    message[byte] = (message[byte] as number) ^ (1 << random.below(8))
  }
  return message
}
