/**
 * Disk space that nobody else can take: a file that is given back when others have filled the disk,
 * so that deleting can still be journalled, and filled again when there is room.
 */
import { randomBytes } from 'node:crypto'
import { statfsSync, statSync, truncateSync } from 'node:fs'
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
  private readonly onError: (error: unknown) => void
  private filling: Promise<void> | undefined
  private closed = false
  /** Something but a full disk keeps it from being filled: not tried again. */
  private broken = false
  /** Bytes that it keeps. */
  held: number

  /**
   * `reserve`: bytes of disk that only what frees some may use. `onError` hears, once, why the file
   * cannot be kept: the server goes on without.
   */
  constructor(path: string, reserve: number, onError: (error: unknown) => void) {
    this.path = path
    this.onError = onError
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
    try {
      truncateSync(this.path, 0)
    } catch (error) {
      this.failed(error)
    }
    this.held = 0
  }

  private failed(error: unknown): void {
    // Who deletes it has freed the space.
    if (this.broken || (error as NodeJS.ErrnoException).code === 'ENOENT') return
    this.broken = true
    this.onError(error)
  }

  private fill(): void {
    if (this.broken) return
    this.filling ??= this.write()
      .catch((error) => this.failed(error))
      .finally(() => {
        this.filling = undefined
        this.held = this.broken ? 0 : sizeOf(this.path)
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
