/** The token of the REST API: whoever can read the data directory can administrate. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

const TOKEN = /^[0-9a-f]{64}$/

/** The token in a file, which is made if there is none. */
export function loadToken(path: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const token = read(path) ?? create(path)
  if (TOKEN.test(token)) return token
  throw new Error(`${path} holds no token (64 hexadecimal digits): delete it, and start again`)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Appears whole or not at all, and never replaces one that another process has made meanwhile. */
function create(path: string): string {
  const token = randomBytes(32).toString('hex')
  const draft = `${path}.${process.pid}`
  rmSync(draft, { force: true })
  const fd = openSync(draft, 'wx', 0o600)
  try {
    writeSync(fd, `${token}\n`)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  try {
    linkSync(draft, path)
    return token
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return read(path) ?? ''
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Whether everybody on this machine can read it, as when it came back from a backup. */
export const isExposed = (path: string): boolean =>
  (statSync(path).mode & 0o004) !== 0 && (statSync(dirname(path)).mode & 0o001) !== 0

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** Checks `Authorization` headers in a time that says nothing about the token. */
export function tokenCheck(token: string): (authorization: string | undefined) => boolean {
  const expected = digestOf(token)
  return (authorization = '') => {
    const given = /^Bearer +(\S+) *$/i.exec(authorization)?.[1]
    return given !== undefined && timingSafeEqual(digestOf(given), expected)
  }
}
