import { statSync } from 'node:fs'
import { type DataPaths, dataPaths } from './data-directory.ts'

/** What a server has written lies nowhere any more. */
export class GoneError extends Error {
  override readonly name = 'GoneError'
}

/**
 * Whether a data directory is still the one that was opened. Files that are deleted while they are
 * open take what is written as if nothing had happened, and whoever opens them again makes new
 * ones.
 */
export class DataPresence {
  private readonly paths: DataPaths
  private readonly place: string | undefined

  /** Of a data directory that is open. */
  constructor(data: string) {
    this.paths = dataPaths(data)
    this.place = placeOf(this.paths.journal)
  }

  /** Throws GoneError. */
  check(): void {
    const { root, journal } = this.paths
    const place = placeOf(journal)
    if (place === this.place) return
    const how = place === undefined ? 'is gone' : 'is another one now'
    throw new GoneError(
      `the journal in ${root} ${how}: what clients were told to be stored is lost, and so would ` +
        'be what they write now. The server ends; start it again on a data directory that is whole',
    )
  }
}

/** undefined: there is none. */
function placeOf(path: string): string | undefined {
  const { dev, ino } = statSync(path, { throwIfNoEntry: false }) ?? {}
  return ino === undefined ? undefined : `${dev}:${ino}`
}
