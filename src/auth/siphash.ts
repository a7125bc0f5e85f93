/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed check code of 64 bits that is quick for short
 * inputs, where Node's own MACs cost ten times as much (docs/decisions/siphash.md).
 */
export interface SipKey {
  readonly k0: number
  readonly k1: number
  readonly k2: number
  readonly k3: number
}

/** Two halves of 32 bits, unsigned. */
export interface SipHash {
  low: number
  high: number
}

export function sipKey(bytes: Buffer): SipKey {
  if (bytes.length !== 16) throw new RangeError('a SipHash key has 16 bytes')
  const word = (at: number) => bytes.readInt32LE(at)
  return { k0: word(0), k1: word(4), k2: word(8), k3: word(12) }
}

/** Hashes a fixed number of 32-bit words into `out`. */
export type SipFunction = (key: SipKey, words: Int32Array, out: SipHash) => void

const add = (a: string, b: string): string =>
  `t=(${a}l>>>0)+(${b}l>>>0);${a}h=(${a}h+${b}h+(t>4294967295?1:0))|0;${a}l=t|0;`

function rotateXor(a: string, b: string, bits: number): string {
  const back = 32 - bits
  return (
    `t=${a}l;${a}l=((${a}l<<${bits})|(${a}h>>>${back}))^${b}l;` +
    `${a}h=((${a}h<<${bits})|(t>>>${back}))^${b}h;`
  )
}

const swap = (a: string): string => `t=${a}l;${a}l=${a}h;${a}h=t;`

const ROUND =
  add('v0', 'v1') +
  rotateXor('v1', 'v0', 13) +
  swap('v0') +
  add('v2', 'v3') +
  rotateXor('v3', 'v2', 16) +
  add('v0', 'v3') +
  rotateXor('v3', 'v0', 21) +
  add('v2', 'v1') +
  rotateXor('v1', 'v2', 17) +
  swap('v2')

const absorb = (low: string, high: string): string =>
  `a=${low};b=${high};v3l^=a;v3h^=b;${ROUND}${ROUND}v0l^=a;v0h^=b;`

/**
 * The function for `count` words: straight-line source with everything in registers, a quarter of
 * the time that a loop over shared state takes.
 */
export function compileSipHash(count: number): SipFunction {
  const length = (count * 4) << 24
  let blocks = ''
  let i = 0
  for (; i + 2 <= count; i += 2) blocks += absorb(`w[${i}]`, `w[${i + 1}]`)
  blocks += absorb(i < count ? `w[${i}]` : '0', String(length))
  const source = `"use strict";return function siphash(k,w,out){let a=0,b=0,t=0;
let v0l=k.k0^0x70736575,v0h=k.k1^0x736f6d65,v1l=k.k2^0x6e646f6d,v1h=k.k3^0x646f7261;
let v2l=k.k0^0x6e657261,v2h=k.k1^0x6c796765,v3l=k.k2^0x79746573,v3h=k.k3^0x74656462;
${blocks}v2l^=0xff;${ROUND.repeat(4)}
out.low=(v0l^v1l^v2l^v3l)>>>0;out.high=(v0h^v1h^v2h^v3h)>>>0}`
  return new Function(source)() as SipFunction
}
