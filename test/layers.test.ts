/** Arrows point only downwards: a folder imports itself and what stands below it, nothing else. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

/** From the top of the tower to its foot. ARCHITECTURE.md draws the same picture. */
const layers = [
  'main.ts',
  'start.ts',
  'server.ts',
  'portmapper.ts',
  'protocols',
  'control',
  'commands',
  'projections',
  'journal',
  'content',
  'auth',
  'store',
  'wire',
  'platform',
] as const

const importing = /(?:from|import)\s*\(?\s*(?:new URL\()?'(\.{1,2}\/[^']+)'/g

function layerOf(path: string): number {
  const [, top = ''] = path.split('/')
  const layer = (layers as readonly string[]).indexOf(top)
  assert.ok(layer >= 0, `${path} lies in no layer`)
  return layer
}

test('layers import downwards only', () => {
  const upward: string[] = []
  for (const path of globSync('src/**/*.ts')) {
    for (const [, target = ''] of readFileSync(path, 'utf8').matchAll(importing)) {
      const resolved = normalize(join(dirname(path), target))
      if (resolved.endsWith('.ts') && layerOf(resolved) < layerOf(path)) {
        upward.push(`${path} -> ${resolved}`)
      }
    }
  }
  assert.deepEqual(upward, [])
})

test('wire/ imports nothing of ours', () => {
  for (const path of globSync('src/wire/*.ts')) {
    for (const [, target = ''] of readFileSync(path, 'utf8').matchAll(importing)) {
      assert.match(target, /^\.\//, `${path} imports ${target}`)
    }
  }
})
