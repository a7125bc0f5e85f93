/**
 * Turns a schema into straight-line source once, at module load. The inputs are our own schema
 * constants, never wire bytes, so no untrusted text reaches `new Function`.
 *
 * Neighbouring fields of fixed size share one bounds check, whatever structs they lie in; bodies of
 * arrays, lists, optionals and unions become functions of their own, so each stays small enough to
 * be optimised and is optimised once however often it is used.
 */
import { decoderSource } from './decoder-source.ts'
import { encoderSource } from './encoder-source.ts'
import type { Reader } from './reader.ts'
import type { Codec, Schema } from './schema.ts'
import { identifier } from './source.ts'
import type { Writer } from './writer.ts'

export function compile<T>(schema: Schema<T>): Codec<T> {
  const { node } = schema
  const name = 'name' in node ? identifier(node.name) : node.kind
  return {
    name,
    schema,
    decode: new Function(decoderSource(node, name))() as (r: Reader) => T,
    encode: new Function(encoderSource(node, name))() as (w: Writer, value: T) => void,
  }
}
