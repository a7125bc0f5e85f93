import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isShareName } from '../../src/commands/shares/create-share.ts'

test('a share is called by an absolute path', () => {
  for (const name of ['/export', '/a/b c', '/größe/日本', '/👍', `/${'x'.repeat(255)}`]) {
    assert.equal(isShareName(name), true, name)
  }
})

test('what no client could mount is no name of a share', () => {
  const halves = ['/\ud83d', '/\udc4d', '/a\udc4d\ud83d/b']
  const paths = ['', '/', 'export', '/a/', '//a', '/a//b', '/./a', '/a/..', '/a\0b']
  const long = [`/${'x'.repeat(256)}`, '/abc'.repeat(257)]
  for (const name of [...halves, ...paths, ...long]) {
    assert.equal(isShareName(name), false, JSON.stringify(name))
  }
})
