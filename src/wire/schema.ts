/**
 * One declaration per wire type: the TypeScript type is inferred from it, the codec is compiled
 * from it (`compile.ts`), and its round-trip, truncation and fuzz tests are derived from it.
 */
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

export interface Codec<T> {
  readonly name: string
  readonly schema: Schema<T>
  readonly decode: (r: Reader) => T
  readonly encode: (w: Writer, value: T) => void
}

/** Big-endian 4 and 8 byte kinds are XDR (RFC 4506); the `le` kinds are for SMB (MS-SMB2). */
export type Primitive =
  | 'u32'
  | 'i32'
  | 'u64'
  | 'uint53'
  | 'bool'
  | 'u8'
  | 'u16le'
  | 'u32le'
  | 'u64le'
  | 'uint53le'

/** Kinds of no fixed size that stand alone: LEB128 integers and what is counted by them. */
type Compact = 'varuint' | 'varstring'

type IntegerWidth = 1 | 2 | 4

/** Where the bytes of an offset/length pair are, and how the pair itself is laid out. */
export interface Placement {
  readonly offset: IntegerWidth
  readonly length: IntegerWidth
  /** Unused bytes between the offset and the length. */
  readonly gap?: number
  readonly align?: 1 | 2 | 4 | 8
}

export type Node =
  | { readonly kind: Primitive | Compact }
  | { readonly kind: 'enum'; readonly name: string; readonly members: Record<string, number> }
  | { readonly kind: 'opaque' | 'byteString' | 'text'; readonly max: number }
  | { readonly kind: 'fixed' | 'raw'; readonly size: number }
  | { readonly kind: 'referred'; readonly max: number; readonly at: Placement }
  | SequenceNode
  | { readonly kind: 'optional'; readonly of: AnySchema }
  | { readonly kind: 'struct'; readonly name: string; readonly fields: AnyFields }
  | UnionNode

export interface SequenceNode {
  readonly kind: 'array' | 'list'
  readonly of: AnySchema
  readonly max: number
}

export interface UnionNode {
  readonly kind: 'union'
  readonly name: string
  readonly tag: string
  readonly members: Record<string, number>
  readonly arms: Readonly<Record<number, AnySchema>>
  readonly otherwise: AnySchema | undefined
}

declare const phantom: unique symbol
export interface Schema<T> {
  readonly node: Node
  readonly [phantom]?: T
}
// biome-ignore lint/suspicious/noExplicitAny: the variance hole of inference, kept to this module
type AnySchema = Schema<any>
type AnyFields = Readonly<Record<string, AnySchema>>
type Members = Readonly<Record<string, number>>
type Arms = Readonly<Record<number, AnySchema>>

export type Infer<S> = S extends Schema<infer T> ? T : never
type Shape<F extends AnyFields> = { readonly [K in keyof F]: Infer<F[K]> }
type ArmOf<Tag extends string, V extends number, S> = { readonly [K in Tag]: V } & Infer<S>
type Union<Tag extends string, M extends Members, A extends Arms, D> =
  | { [K in keyof A & number]: ArmOf<Tag, K, A[K]> }[keyof A & number]
  | (D extends AnySchema ? ArmOf<Tag, Exclude<M[keyof M], keyof A & number>, D> : never)

const of = <T>(node: Node): Schema<T> => ({ node })

export const u32 = of<number>({ kind: 'u32' })
export const i32 = of<number>({ kind: 'i32' })
/** All 64 bits, as a bigint: for opaque cookies and lock offsets, not for hot paths. */
export const u64 = of<bigint>({ kind: 'u64' })
/**
 * An unsigned hyper held in a number. Values above 2^53-1 decode to some number above 2^53-1, so a
 * range check refuses them; they never alias a smaller value.
 */
export const uint53 = of<number>({ kind: 'uint53' })
export const bool = of<boolean>({ kind: 'bool' })
export const opaque = (max: number) => of<Buffer>({ kind: 'opaque', max })
/** Bytes as a string of one character per byte (latin1): names and paths of any encoding. */
export const byteString = (max: number) => of<string>({ kind: 'byteString', max })
/** UTF-8. Not lossless for invalid input: use it for what people read, never for names. */
export const text = (max: number) => of<string>({ kind: 'text', max })
export const fixed = (size: number) => of<Buffer>({ kind: 'fixed', size })
export const array = <T>(s: Schema<T>, max: number) =>
  of<readonly T[]>({ kind: 'array', of: s, max })
/** XDR's linked list (`entry *next`): a TRUE before each element, a FALSE behind the last. */
export const list = <T>(s: Schema<T>, max: number) => of<readonly T[]>({ kind: 'list', of: s, max })
export const optional = <T>(s: Schema<T>) => of<T | undefined>({ kind: 'optional', of: s })
export const struct = <F extends AnyFields>(name: string, fields: F) =>
  of<Shape<F>>({ kind: 'struct', name, fields })
export const nothing = struct('nothing', {})
export const enumOf = <const M extends Members>(name: string, members: M) =>
  of<M[keyof M]>({ kind: 'enum', name, members })

/** A union tagged by a field of its own value: `{ [tag]: 0, ...arm }`. Arms are structs. */
export const union = <
  const Tag extends string,
  const M extends Members,
  A extends Arms,
  D extends AnySchema | undefined = undefined,
>(
  name: string,
  tag: Tag,
  members: M,
  arms: A,
  otherwise?: D,
) => of<Union<Tag, M, A, D>>({ kind: 'union', name, tag, members, arms, otherwise })

/** Compact kinds, for rows of our own (not XDR): an integer up to 2^53-1, and a byte string. */
export const varuint = of<number>({ kind: 'varuint' })
export const varstring = of<string>({ kind: 'varstring' })

/** Little-endian kinds, without XDR's padding. */
export const le = {
  u8: of<number>({ kind: 'u8' }),
  u16: of<number>({ kind: 'u16le' }),
  u32: of<number>({ kind: 'u32le' }),
  u64: of<bigint>({ kind: 'u64le' }),
  uint53: of<number>({ kind: 'uint53le' }),
  raw: (size: number) => of<Buffer>({ kind: 'raw', size }),
  /** An offset/length pair in the fixed part; the bytes follow it, offsets from the message. */
  referred: (max: number, at: Placement) => of<Buffer>({ kind: 'referred', max, at }),
} as const
