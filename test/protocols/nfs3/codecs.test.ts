import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { test } from 'node:test'
import * as rpc from '../../../src/protocols/rpc/rpc-message.ts'
import type { Codec } from '../../../src/wire/schema.ts'
import { codecLaws } from '../../wire/codec-laws.ts'

const isCodec = (x: unknown): x is Codec<never> =>
  typeof x === 'object' && x !== null && 'decode' in x && 'encode' in x && 'schema' in x

const files = globSync('src/protocols/nfs3/procedures/*.ts')
const modules = await Promise.all(
  files.map((path) => import(`../../../${path}`) as Promise<Record<string, unknown>>),
)
const codecs = [...modules, rpc].flatMap((m) => Object.values(m).filter(isCodec))

test('every procedure brings its arguments and its result', () => {
  assert.equal(files.length, 21)
  assert.ok(codecs.length >= 2 * files.length)
})

codecLaws(codecs, 25)
