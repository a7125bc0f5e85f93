/**
 * Command lines that are not what was meant: they must say so, and neither do nor make anything.
 */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { temporaryDirectory } from '../temporary.ts'
import { type Ended, runProgram, serveApi } from './running-server.ts'

const server = await serveApi()
const { path: work, remove } = temporaryDirectory('mistakes')
after(remove)

function assertFailed({ status, stdout, stderr }: Ended, expected: number, message: RegExp): void {
  assert.equal(status, expected, stderr)
  assert.match(stderr, message)
  assert.equal(stderr.trim().split('\n').length, 1, 'one line')
  assert.equal(stdout, '')
}

describe('a word too many', () => {
  test('is not overlooked', async () => {
    const data = ['--data', server.data]
    for (const words of [['start'], ['digest', ...data], ['rebuild', ...data], ['fsck', ...data]]) {
      assertFailed(await runProgram('dfs', [...words, '/elsewhere']), 2, /got \/elsewhere/)
    }
    assertFailed(await runProgram('dfs', ['journal', 'verify', 'cat', ...data]), 2, /got cat/)
    for (const words of [['status'], ['share', 'list'], ['digest'], ['journal', 'head']]) {
      assertFailed(await server.dfsctl(...words, 'more'), 2, /also got more/)
    }
  })
})

describe('a directory without data', () => {
  test('is not taken for one, and nothing is made in it', async () => {
    const data = join(work, 'nowhere')
    for (const words of [['digest'], ['rebuild'], ['journal', 'verify'], ['journal', 'cat']]) {
      assertFailed(await runProgram('dfs', [...words, '--data', data]), 1, /no data directory/)
    }
    assertFailed(await runProgram('dfs', ['fsck', '--data', data]), 2, /no data directory/)
    assert.equal(existsSync(data), false)
  })
})

describe('records that are not there', () => {
  const journal = (...words: readonly string[]) =>
    runProgram('dfs', ['journal', ...words, '--data', server.data])

  test('are not whole', async () => {
    assertFailed(await journal('verify', '--from', '5000'), 1, /ends with record \d+/)
  })

  test('cannot be named by any number', async () => {
    assertFailed(await journal('cat', '--from', '9'.repeat(20)), 2, /sequence number/)
  })
})

describe('what is no token', () => {
  const SECRETS = ['first\nsecret', '', '\xff\xfesecret', 'pässword secret', ' \n']

  test('is neither sent nor printed', async () => {
    for (const [i, secret] of SECRETS.entries()) {
      const file = join(work, `token-${i}`)
      writeFileSync(file, secret, 'latin1')
      const told = await server.dfsctl('status', '--token-file', file)
      assertFailed(told, 1, /token-\d holds no token/)
      assert.doesNotMatch(told.stderr, /first|secret|ssword/)
    }
  })
})

describe('a setting that cannot be', () => {
  test('is refused before anything is made', async () => {
    const wrong: readonly (readonly [string, string, RegExp])[] = [
      ['share-name', 'export', /share-name: an absolute path such as \/export/],
      ['share-name', '/a/../b', /share-name: an absolute path/],
      ['share-durability', 'sometimes', /--share-durability: one of durable, async/],
      ['share-squash', 'some', /--share-squash: one of none, root, all/],
      ['log-level', 'loud', /--log-level: one of trace, .*silent/],
      ['max-connections', '0', /--max-connections: a number above 0/],
    ]
    for (const [name, value, message] of wrong) {
      const data = join(work, 'never')
      const ended = await runProgram('dfs', ['start', '--data', data, `--${name}`, value])
      assertFailed(ended, 2, message)
      assert.equal(existsSync(data), false)
    }
  })
})
