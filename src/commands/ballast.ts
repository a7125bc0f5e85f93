/**
 * Disk space that nobody else can take: a file that is given back when others have filled the disk,
 * so that deleting can still be journalled, and filled again when there is room.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, ftruncateSync, openSync, statfsSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { isFull } from '../platform/disk-full.ts'
import { MiB } from '../platform/limits.ts'

const SIZE_MAX = 16 * MiB
/** The part of the reserve that is really taken. */
const PART = 1 / 4

export class Ballast {
  readonly size: number
  private readonly path: string
  private readonly ask: () => { readonly free: number; readonly total: number }
  private filling: Promise<void> | undefined
  private closed = false
  /** Bytes that it keeps. */
  held: number

  /** `reserve`: bytes of disk that only what frees some may use. */
  constructor(path: string, reserve: number) {
    this.path = path
    this.size = Math.floor(Math.min(SIZE_MAX, reserve * PART))
    this.held = sizeOf(path)
    this.ask = () => spaceBelow(path)
    if (this.ask().free < this.size / 2) this.release()
  }

  /** What is free besides it, and whether it is time to give it back or to fill it. */
  look(reserve: number): { readonly free: number; readonly total: number } {
    const { free, total } = this.ask()
    if (this.held > 0 && free < this.size / 2) {
      this.release()
      return this.ask()
    }
    if (this.held < this.size && free > reserve + this.size) this.fill()
    return { free, total }
  }

  release(): void {
    if (this.held === 0 || this.filling !== undefined) return
    const fd = openSync(this.path, 'r+')
    try {
      ftruncateSync(fd, 0)
    } finally {
      closeSync(fd)
    }
    this.held = 0
  }

  private fill(): void {
    this.filling ??= this.write().finally(() => {
      this.filling = undefined
      this.held = sizeOf(this.path)
    })
  }

  private async write(): Promise<void> {
    const file = await open(this.path, 'w', 0o600)
    try {
      // Zeros may take no room on a disk that compresses.
      const bytes = randomBytes(Math.min(MiB, this.size))
      for (let at = 0; at < this.size && !this.closed; at += bytes.length) {
        await file.write(bytes, 0, Math.min(bytes.length, this.size - at), at)
      }
      await file.datasync()
    } catch (error) {
      await file.truncate(0)
      if (!isFull(error)) throw error
    } finally {
      await file.close()
    }
  }

  async close(): Promise<void> {
    this.closed = true
    await this.filling
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function spaceBelow(path: string): { readonly free: number; readonly total: number } {
  const { bavail, blocks, bsize } = statfsSync(path.slice(0, path.lastIndexOf('/')) || '/')
  return { free: bavail * bsize, total: blocks * bsize }
}
