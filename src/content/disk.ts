/** The files under content, behind an interface that simulations can make faulty. */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  read,
  readdirSync,
  readSync,
  statfsSync,
  unlinkSync,
  writev,
  writevSync,
} from 'node:fs'
import { join } from 'node:path'
import { makeDirectory, syncDirectory } from '../platform/directory.ts'
import { fault } from '../platform/fault.ts'

export interface DiskFile {
  /** Writes all of it at an offset; not durable before `sync`. */
  write(buffers: readonly Buffer[], at: number): void
  /** The same without holding up the thread. The bytes must stay as they are until it has ended. */
  writeLater(buffers: readonly Buffer[], at: number): Promise<void>
  sync(): void
  /** The same without holding up the thread, of what was written before the call. */
  syncLater(): Promise<void>
  /** Fills `into` as far as the file goes and returns the number of bytes. */
  read(into: Buffer, at: number): number
  /** The same without holding up the thread. */
  readLater(into: Buffer, at: number): Promise<number>
  size(): number
  truncate(size: number): void
  close(): void
}

export interface Disk {
  /** Makes a file that is not there yet; its name is durable when this returns. */
  create(name: string): DiskFile
  open(name: string): DiskFile
  list(): readonly string[]
  remove(name: string): void
  /** Bytes free for us and in all. */
  space(): { readonly free: number; readonly total: number }
}

/** Linux takes this many buffers in one writev. */
const IOV_MAX = 1024

class RealFile implements DiskFile {
  private readonly fd: number

  constructor(path: string, flags: 'wx+' | 'r+') {
    this.fd = openSync(path, flags, 0o600)
  }

  write(buffers: readonly Buffer[], at: number): void {
    fault('file.write')
    let offset = at
    for (let i = 0; i < buffers.length; i += IOV_MAX) {
      offset += this.writeSome(buffers.slice(i, i + IOV_MAX), offset)
    }
    fault('file.written')
  }

  private writeSome(buffers: readonly Buffer[], at: number): number {
    const total = buffers.reduce((sum, { length }) => sum + length, 0)
    let done = writevSync(this.fd, buffers, at)
    while (done < total) {
      // A short write is how a disk says that it is nearly full; the next one says why.
      const rest = Buffer.concat(buffers).subarray(done)
      done += writevSync(this.fd, [rest], at + done)
    }
    return total
  }

  async writeLater(buffers: readonly Buffer[], at: number): Promise<void> {
    fault('file.write')
    let offset = at
    for (let i = 0; i < buffers.length; i += IOV_MAX) {
      offset += await this.writeSomeLater(buffers.slice(i, i + IOV_MAX), offset)
    }
    fault('file.written')
  }

  private async writeSomeLater(buffers: readonly Buffer[], at: number): Promise<number> {
    const total = buffers.reduce((sum, { length }) => sum + length, 0)
    const write = (some: readonly Buffer[], from: number): Promise<number> =>
      new Promise((resolve, reject) => {
        writev(this.fd, some, from, (error, n) => (error === null ? resolve(n) : reject(error)))
      })
    let done = await write(buffers, at)
    while (done < total) {
      done += await write([Buffer.concat(buffers).subarray(done)], at + done)
    }
    return total
  }

  sync(): void {
    fdatasyncSync(this.fd)
    fault('file.synced')
  }

  syncLater(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.fd, (error) => {
        if (error !== null) return reject(error)
        fault('file.synced')
        resolve()
      })
    })
  }

  read(into: Buffer, at: number): number {
    let done = 0
    while (done < into.length) {
      const n = readSync(this.fd, into, done, into.length - done, at + done)
      if (n === 0) break
      done += n
    }
    return done
  }

  readLater(into: Buffer, at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const more = (done: number): void => {
        read(this.fd, into, done, into.length - done, at + done, (error, n) => {
          if (error !== null) reject(error)
          else if (n === 0 || done + n === into.length) resolve(done + n)
          else more(done + n)
        })
      }
      more(0)
    })
  }

  size(): number {
    return fstatSync(this.fd).size
  }

  truncate(size: number): void {
    ftruncateSync(this.fd, size)
    fsyncSync(this.fd)
  }

  close(): void {
    closeSync(this.fd)
  }
}

export class RealDisk implements Disk {
  private readonly dir: string

  constructor(dir: string) {
    this.dir = dir
    makeDirectory(dir)
    // A process that was killed may have left names that are not durable yet.
    syncDirectory(dir)
  }

  create(name: string): DiskFile {
    fault('file.create')
    const file = new RealFile(join(this.dir, name), 'wx+')
    syncDirectory(this.dir)
    fault('file.created')
    return file
  }

  open(name: string): DiskFile {
    return new RealFile(join(this.dir, name), 'r+')
  }

  list(): readonly string[] {
    return readdirSync(this.dir).sort()
  }

  remove(name: string): void {
    unlinkSync(join(this.dir, name))
    fault('file.removed')
  }

  space(): { readonly free: number; readonly total: number } {
    const { bavail, blocks, bsize } = statfsSync(this.dir)
    return { free: bavail * bsize, total: blocks * bsize }
  }
}
