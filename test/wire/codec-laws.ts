/** Tests that every codec must pass, derived from its schema. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Reader } from '../../src/wire/reader.ts'
import type { Codec, Node } from '../../src/wire/schema.ts'
import { WireError } from '../../src/wire/wire-error.ts'
import { Writer } from '../../src/wire/writer.ts'

const MiB = 1 << 20

/** Arbitrary values of a schema: small enough to run by the hundred, and of every shape. */
export function arbitraryOf(node: Node): fc.Arbitrary<unknown> {
  switch (node.kind) {
    case 'u8':
      return fc.integer({ min: 0, max: 0xff })
    case 'u16le':
      return fc.integer({ min: 0, max: 0xffff })
    case 'u32':
    case 'u32le':
      return fc.integer({ min: 0, max: 0xffffffff })
    case 'i32':
      return fc.integer()
    case 'u64':
    case 'u64le':
      return fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
    case 'uint53':
    case 'uint53le':
    case 'varuint':
      return fc.maxSafeNat()
    case 'bool':
      return fc.boolean()
    case 'enum':
      return fc.constantFrom(...Object.values(node.members))
    case 'opaque':
    case 'referred':
      return fc.uint8Array({ maxLength: Math.min(node.max, 40) }).map((b) => Buffer.from(b))
    case 'byteString':
      return fc
        .uint8Array({ maxLength: Math.min(node.max, 60) })
        .map((b) => Buffer.from(b).toString('latin1'))
    case 'varstring':
      return fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b).toString('latin1'))
    case 'text':
      return fc.string({ maxLength: Math.min(node.max, 10), unit: 'grapheme-ascii' })
    case 'fixed':
    case 'raw':
      return fc
        .uint8Array({ minLength: node.size, maxLength: node.size })
        .map((b) => Buffer.from(b))
    case 'array':
    case 'list':
      return fc.array(arbitraryOf(node.of.node), { maxLength: Math.min(node.max, 4) })
    case 'optional':
      return fc.option(arbitraryOf(node.of.node), { nil: undefined })
    case 'struct':
      return fc.record(
        Object.fromEntries(Object.entries(node.fields).map(([k, s]) => [k, arbitraryOf(s.node)])),
      )
    case 'union':
      return arbitraryUnion(node)
  }
}

function arbitraryUnion(node: Extract<Node, { kind: 'union' }>): fc.Arbitrary<unknown> {
  const arms = Object.entries(node.arms).map(([tag, arm]) =>
    arbitraryOf(arm.node).map((v) => ({ [node.tag]: Number(tag), ...(v as object) })),
  )
  const others = Object.values(node.members).filter((tag) => !(tag in node.arms))
  const { otherwise } = node
  if (otherwise && others.length > 0) {
    const tagged = fc.tuple(fc.constantFrom(...others), arbitraryOf(otherwise.node))
    arms.push(tagged.map(([tag, v]) => ({ [node.tag]: tag, ...(v as object) })))
  }
  return fc.oneof(...arms)
}

/** Buffers and structs compare by content, whatever memory or prototype they have. */
export function plain(v: unknown): unknown {
  if (v instanceof Uint8Array) return Buffer.from(v).toString('hex')
  if (Array.isArray(v)) return v.map(plain)
  if (v !== null && typeof v === 'object') {
    return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, plain(x)]))
  }
  return v
}

export function encoded<T>(codec: Codec<T>, value: T): Buffer {
  const w = new Writer(64, 4 * MiB)
  codec.encode(w, value)
  return Buffer.from(w.written())
}

interface AnyCodec {
  readonly name: string
  readonly schema: { readonly node: Node }
  readonly decode: (r: Reader) => unknown
  readonly encode: (w: Writer, value: never) => void
}

export function codecLaws(codecs: readonly AnyCodec[], numRuns = 60): void {
  for (const codec of codecs as readonly Codec<unknown>[]) {
    describe(codec.name, () => {
      const values = arbitraryOf(codec.schema.node)
      const refers = JSON.stringify(codec.schema.node).includes('"referred"')

      test('decode(encode(x)) is x and takes every byte', () => {
        fc.assert(
          fc.property(values, (value) => {
            const reader = new Reader(encoded(codec, value))
            assert.deepEqual(plain(codec.decode(reader)), plain(value))
            // Referred bytes lie behind the cursor's end; it stops behind the fixed part.
            if (!refers) assert.equal(reader.remaining, 0)
          }),
          { numRuns },
        )
      })

      test('cut at any byte it is a WireError', () => {
        fc.assert(
          fc.property(values, (value) => {
            const bytes = encoded(codec, value)
            for (let end = 0; end < bytes.length; end++) {
              const reader = new Reader()
              reader.reset(bytes, 0, end)
              assert.throws(() => codec.decode(reader), WireError)
              assert.ok(reader.pos <= end)
            }
          }),
          { numRuns: Math.ceil(numRuns / 4) },
        )
      })

      test('any bytes decode or are a WireError', () => {
        fc.assert(
          fc.property(values, fc.array(fc.nat(), { maxLength: 6 }), (value, damage) => {
            const bytes = encoded(codec, value)
            for (const d of damage) {
              if (bytes.length > 0) bytes[d % bytes.length] = (d >> 8) & 0xff
            }
            decodeOrWireError(codec, bytes)
          }),
          { numRuns: numRuns * 4 },
        )
        fc.assert(
          fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
            decodeOrWireError(codec, Buffer.from(bytes))
          }),
          { numRuns: numRuns * 4 },
        )
      })
    })
  }
}

function decodeOrWireError(codec: Codec<unknown>, bytes: Buffer): void {
  try {
    codec.decode(new Reader(bytes))
  } catch (error) {
    assert.ok(error instanceof WireError, `threw ${error}`)
  }
}
