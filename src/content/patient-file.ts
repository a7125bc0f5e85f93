import type { DiskFile } from './disk.ts'

const SECTOR = 4096

/** Reads around what the disk cannot read, which becomes zeros: nothing that is whole. */
export function patient(
  file: DiskFile,
  onError: (at: number, why: string) => void = () => undefined,
): DiskFile {
  const read = (into: Buffer, at: number): number => {
    try {
      return file.read(into, at)
    } catch {
      return bySector(into, at)
    }
  }
  const bySector = (into: Buffer, at: number): number => {
    const end = Math.min(into.length, Math.max(0, file.size() - at))
    for (let from = 0; from < end; from += SECTOR) {
      const part = into.subarray(from, Math.min(end, from + SECTOR))
      try {
        file.read(part, at + from)
      } catch (error) {
        part.fill(0)
        onError(at + from, `the disk cannot read it: ${(error as Error).message}`)
      }
    }
    return end
  }
  // The file itself, but for how it is read.
  return Object.assign(Object.create(file) as DiskFile, { read })
}
