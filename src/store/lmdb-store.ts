import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import { makeDirectory, syncDirectory } from '../platform/directory.ts'
import { isFull } from '../platform/disk-full.ts'
import { fault } from '../platform/fault.ts'
import { GiB } from '../platform/limits.ts'
import { storedName } from './map-name.ts'
import { checkedValue, withChecksum } from './row-checksum.ts'
import type { Store, StoreEntry, StoreMap, StoreWriter } from './store.ts'

type Db = Database<Buffer, Buffer>

/** Address space, not disk: the file grows as it fills. */
const MAP_SIZE = 1024 * GiB
const MAX_MAPS = 64

/** A value is not what was written: the store must be made anew. */
export class StoreDamageError extends Error {
  override readonly name = 'StoreDamageError'
}

class LmdbMap implements StoreMap {
  readonly db: Db
  private readonly damaged: (key: Buffer) => Error

  constructor(db: Db, damaged: (key: Buffer) => Error) {
    this.db = db
    this.damaged = damaged
  }

  private checked(key: Buffer, stored: Buffer): Buffer {
    const value = checkedValue(key, stored)
    if (value === undefined) throw this.damaged(key)
    return value
  }

  get(key: Buffer): Buffer | undefined {
    const stored = this.db.getBinaryFast(key)
    return stored && this.checked(key, stored)
  }

  *range(from: Buffer, to: Buffer): Iterable<StoreEntry> {
    for (const { key, value } of this.db.getRange({ start: from, end: to })) {
      yield { key, value: this.checked(key, value) }
    }
  }

  last(from: Buffer, to: Buffer): StoreEntry | undefined {
    // In reverse, `start` is the upper end and `end` is exclusive. One step, without a generator:
    // every look at the past takes one.
    const options = { start: to, end: from, reverse: true, exclusiveStart: true }
    const entries = (this.db.getRange(options) as unknown as Steps).iterate()
    const { value: entry } = entries.next()
    entries.return()
    if (entry !== undefined) {
      return { key: entry.key, value: this.checked(entry.key, entry.value) }
    }
    return from.equals(to) ? undefined : this.exactly(from)
  }

  private exactly(key: Buffer): StoreEntry | undefined {
    const stored = this.db.getBinary(key)
    return stored && { key: Buffer.from(key), value: this.checked(key, stored) }
  }
}

/** What a range of lmdb's is before it is made a generator. */
interface Steps {
  iterate(): { next(): { readonly value?: StoreEntry }; return(): unknown }
}

/** A map that is not there, for who only looks. */
const ABSENT: StoreMap = { get: () => undefined, range: () => [], last: () => undefined }

/** Where it was noted that a store is damaged, and must be made anew before it is used again. */
const notePath = (path: string): string => `${path}.damaged`

/** Why a store must not be used, as somebody found who used it. */
export function damageNote(path: string): string | undefined {
  const note = notePath(path)
  return existsSync(note) ? readFileSync(note, 'utf8') : undefined
}

/** Keeps a store from being used again. On a full disk nothing is noted, and it is found again. */
export function noteDamage(path: string, why: string): void {
  try {
    writeFileSync(notePath(path), why, { mode: 0o600 })
  } catch (error) {
    if (!isFull(error)) throw error
  }
}

export interface LmdbStoreOptions {
  /** For who only looks at what is there; maps that are not there are empty. */
  readonly readOnly?: boolean
  /** Hears of a value that is not what was written, before whoever reads it does. */
  readonly onDamage?: (error: Error) => unknown
}

/** A store in one LMDB environment, which is the file `path`. */
export class LmdbStore implements Store {
  private readonly root: RootDatabase<Buffer, Buffer>
  private readonly maps = new Map<string, LmdbMap>()
  private readonly path: string
  private readonly options: LmdbStoreOptions

  constructor(path: string, options: LmdbStoreOptions = {}) {
    const { readOnly = false } = options
    this.path = path
    this.options = options
    if (!readOnly) makeDirectory(dirname(path))
    this.root = open<Buffer, Buffer>({
      path,
      noSubdir: true,
      encoding: 'binary',
      keyEncoding: 'binary',
      mapSize: MAP_SIZE,
      maxDbs: MAX_MAPS,
      overlappingSync: false,
      readOnly,
    })
    if (!readOnly) syncDirectory(dirname(path))
  }

  map(name: string): StoreMap {
    return this.opened(name) ?? ABSENT
  }

  private opened(name: string): LmdbMap | undefined {
    let map = this.maps.get(name)
    if (map === undefined) {
      const encoding = 'binary'
      const db: Db | undefined = this.root.openDB(storedName(name), {
        encoding,
        keyEncoding: encoding,
      })
      if (db === undefined) return undefined
      map = new LmdbMap(db, (key) => this.damaged(name, key))
      this.maps.set(name, map)
    }
    return map
  }

  /** A store that is not only looked at makes its maps. */
  private db(name: string): Db {
    return (this.opened(name) as LmdbMap).db
  }

  private damaged(name: string, key: Buffer): Error {
    const where = `${name} under ${key.subarray(0, key.length).toString('hex')}`
    const error = new StoreDamageError(`${this.path} is damaged: ${where}`)
    if (this.options.readOnly !== true) noteDamage(this.path, error.message)
    this.options.onDamage?.(error)
    return error
  }

  commit(change: (writer: StoreWriter) => void): void {
    const writer: StoreWriter = {
      put: (name, key, value) => {
        this.db(name).putSync(key, withChecksum(key, value))
      },
      remove: (name, key) => {
        this.db(name).removeSync(key)
      },
    }
    this.root.transactionSync(() => {
      change(writer)
      fault('store.filled')
    })
    fault('store.committed')
  }

  refresh(): void {
    this.root.resetReadTxn()
  }

  close(): Promise<void> {
    return this.root.close()
  }
}
