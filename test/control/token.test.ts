import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { loadToken, tokenCheck } from '../../src/control/token.ts'
import { ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'

const { path: root, remove } = temporaryDirectory('token')
after(remove)

const fresh = () => join(mkdtempSync(join(root, 'data-')), 'data', 'token')

describe('the token file', () => {
  test('is made once, for its owner only, with its directory', () => {
    const path = fresh()
    const token = loadToken(path)
    assert.match(token, /^[0-9a-f]{64}$/)
    assert.equal(readFileSync(path, 'utf8'), `${token}\n`)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
    assert.equal(loadToken(path), token)
    assert.deepEqual(readdirSync(join(path, '..')), ['token'], 'nothing is left over')
    assert.notEqual(loadToken(fresh()), token)
  })

  test('that everybody can read is complained of', async () => {
    const path = fresh()
    const data = join(path, '..')
    loadToken(path)
    for (const [directory, file, complaints] of [
      [0o755, 0o644, 1],
      [0o700, 0o644, 0],
      [0o755, 0o640, 0],
    ] as const) {
      chmodSync(data, directory)
      chmodSync(path, file)
      const server = await ServerProcess.start({ data })
      await server.stop()
      const said = server.lines.filter((line) => line.includes('everybody on this machine'))
      assert.equal(said.length, complaints)
    }
  })

  test('may be of an administrator’s own making', () => {
    const path = fresh()
    loadToken(path)
    const own = '0123456789abcdef'.repeat(4)
    writeFileSync(path, `  ${own}\r\n`)
    assert.equal(loadToken(path), own)
  })

  for (const text of ['', 'secret', 'f'.repeat(63), 'F'.repeat(64)]) {
    test(`that holds ${JSON.stringify(text).slice(0, 10)} is not taken for one`, () => {
      const path = fresh()
      loadToken(path)
      writeFileSync(path, text)
      assert.throws(() => loadToken(path), /holds no token.*delete it/)
    })
  }
})

describe('the check of a header', () => {
  const token = 'ab'.repeat(32)
  const accepts = tokenCheck(token)

  test('lets the token in', () => {
    for (const header of [`Bearer ${token}`, `bearer ${token}`, `Bearer   ${token} `]) {
      assert.equal(accepts(header), true, header)
    }
  })

  test('lets nothing else in', () => {
    const wrong = [undefined, '', 'Bearer', 'Bearer ', token, `Basic ${token}`, `Bearer ${token}0`]
    for (const header of [...wrong, `Bearer ${token} ${token}`, `Bearer ${token.slice(1)}`]) {
      assert.equal(accepts(header), false, `${header}`)
    }
  })
})
