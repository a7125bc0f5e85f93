/**
 * Keeps a data directory to one process: a socket in it, on which nobody answers the moment its
 * process is gone, however it went. It lies in the directory because a service, a container and a
 * shell have temporary directories of their own.
 *
 * Everybody listens on a socket of his own, and has the lock when that has got the lock's name too.
 * The name stays when he goes: who comes next finds that nobody answers on it.
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  linkSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeDirectory } from '../platform/directory.ts'
import { isFull } from '../platform/disk-full.ts'

/** Another process works on the data directory. */
export class InUseError extends Error {
  override readonly name = 'InUseError'
}

type Unlock = () => Promise<void>

/** Rejects with InUseError. */
export async function lockDataDirectory(root: string): Promise<Unlock> {
  makeDirectory(root)
  const dir = realpathSync(root)
  let unlock: Unlock | undefined
  try {
    unlock = await new LockPlace(dir, 'lock').take()
  } catch (error) {
    if (!isNoPlace(error)) throw error
    const name = createHash('sha256').update(dir).digest('hex').slice(0, 24)
    unlock = await new LockPlace(tmpdir(), `dittofs-${name}.lock`).take()
  }
  if (unlock === undefined) throw new InUseError(`another process is using ${root}`)
  return unlock
}

const codeOf = (error: unknown): unknown => (error as NodeJS.ErrnoException).code

/** File systems without sockets or links, or that take nothing now. */
const isNoPlace = (error: unknown): boolean =>
  isFull(error) ||
  ['EACCES', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EROFS'].includes(String(codeOf(error)))

/** The system wants paths of sockets shorter than any other. */
const PATH_MAX = 80
const TRIES = 20
const AGAIN_MILLIS = 10
const PUT_BACK_TRIES = 500

const random = (): string => randomBytes(6).toString('hex')

class LockPlace {
  private readonly dir: string
  private readonly name: string
  private readonly own: string
  private fd: number | undefined

  constructor(dir: string, name: string) {
    this.dir = dir
    this.name = name
    this.own = `${name}.${random()}`
  }

  /** Undefined: somebody has it. Throws what the system says when there can be no socket here. */
  async take(): Promise<Unlock | undefined> {
    const long = process.platform === 'linux' && this.dir.length > PATH_MAX
    if (long) this.fd = openSync(this.dir, 'r')
    let server: Server | undefined
    let taken = false
    const leave = async (): Promise<void> => {
      // Closing takes its own name away.
      if (server !== undefined) await closed(server)
      if (this.fd !== undefined) closeSync(this.fd)
    }
    try {
      if (await answers(this.socket(this.name))) return undefined
      server = await listening(this.socket(this.own))
      server.unref()
      taken = await this.get()
    } finally {
      if (!taken) await leave()
    }
    return taken ? leave : undefined
  }

  private path(name: string): string {
    return join(this.dir, name)
  }

  /** How a socket is named to the system. */
  private socket(name: string): string {
    return this.fd === undefined ? this.path(name) : `/proc/self/fd/${this.fd}/${name}`
  }

  private async get(): Promise<boolean> {
    for (let i = 0; i < TRIES; i++) {
      if (this.named(this.own)) return !(await this.someoneIsAside())
      if (await answers(this.socket(this.name))) return false
      if (!(await this.removeDead())) return false
    }
    return false
  }

  /** Gives a socket the lock's name, unless something has it. */
  private named(socket: string): boolean {
    try {
      linkSync(this.path(socket), this.path(this.name))
      return true
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
      return false
    }
  }

  private get asides(): string {
    return `${this.name}.aside.`
  }

  /**
   * Takes the name from who does not answer. Others may do the same and have got it since, so it is
   * put aside first and asked once more; who answers gets it back. False: one did.
   */
  private async removeDead(): Promise<boolean> {
    const aside = this.asides + random()
    try {
      renameSync(this.path(this.name), this.path(aside))
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      return true
    }
    const dead = !(await answers(this.socket(aside)))
    if (!dead) await this.putBack(aside)
    rmSync(this.path(aside), { force: true })
    return dead
  }

  /** Whoever has got the name meanwhile finds the other one aside, and gives way. */
  private async putBack(aside: string): Promise<void> {
    for (let i = 0; i < PUT_BACK_TRIES; i++) {
      if (this.named(aside) || !(await answers(this.socket(aside)))) return
      if (!(await answers(this.socket(this.name)))) await this.removeDead()
      else await new Promise((resolve) => setTimeout(resolve, AGAIN_MILLIS))
    }
  }

  /** Whether the lock is another's, whose name was just put aside. Removes what was left behind. */
  private async someoneIsAside(): Promise<boolean> {
    for (const name of readdirSync(this.dir)) {
      if (!name.startsWith(`${this.name}.`) || (await answers(this.socket(name)))) {
        if (name.startsWith(this.asides)) return true
        continue
      }
      rmSync(this.path(name), { force: true })
    }
    return false
  }
}

function listening(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    server.listen(path, () => resolve(server))
  })
}

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => server.close(() => resolve()))

/** Whether anybody listens there. Who is too busy to answer does. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error) => {
      const code = codeOf(error)
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT')
    })
  })
}
