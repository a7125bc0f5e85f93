/** Pages that are made from code are what the code would make now. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { pages } from '../../docs/generate/pages.ts'

const DOCS = join(import.meta.dirname, '../../docs')

describe('pages made from code', () => {
  for (const [path, page] of Object.entries(pages)) {
    test(`docs/${path} is up to date (npm run docs writes it)`, () => {
      assert.equal(readFileSync(join(DOCS, path), 'utf8'), page(), 'npm run docs writes it')
    })
  }
})
