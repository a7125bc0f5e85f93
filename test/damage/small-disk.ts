/** A real file system that is small: a tmpfs, where the test may mount one. */
import { spawnSync } from 'node:child_process'
import { statfsSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MiB } from '../../src/platform/limits.ts'
import { temporaryDirectory } from '../temporary.ts'

export class SmallDisk {
  readonly path: string
  private readonly removeDirectory: () => void

  private constructor(path: string, remove: () => void) {
    this.path = path
    this.removeDirectory = remove
  }

  /** Or why there is none. */
  static mount(mebibytes: number): SmallDisk | string {
    if (process.getuid?.() !== 0) return 'only root can mount a small disk'
    const { path, remove } = temporaryDirectory('disk')
    const { status, stderr } = spawnSync(
      'mount',
      ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'tmpfs', path],
      { encoding: 'utf8' },
    )
    if (status === 0) return new SmallDisk(path, remove)
    remove()
    return `cannot mount a tmpfs: ${stderr.trim()}`
  }

  get free(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  resize(mebibytes: number): void {
    spawnSync('mount', ['-o', `remount,size=${mebibytes}m`, this.path])
  }

  /** Somebody else takes what is free now; what is given back meanwhile they leave alone. */
  fill(): void {
    let left = this.free
    for (let n = 0; left > 0; n++) {
      const size = Math.min(8 * MiB, left)
      try {
        writeFileSync(join(this.path, `other-${n}`), Buffer.alloc(size))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        return
      }
      left -= size
    }
  }

  /** What somebody else has put there goes. */
  clear(): void {
    for (let n = 0; ; n++) {
      try {
        unlinkSync(join(this.path, `other-${n}`))
      } catch {
        return
      }
    }
  }

  unmount(): void {
    spawnSync('umount', ['-l', this.path])
    this.removeDirectory()
  }
}
