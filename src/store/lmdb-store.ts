import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import { fault } from '../platform/fault.ts'
import { GiB } from '../platform/limits.ts'
import type { Store, StoreEntry, StoreMap, StoreWriter } from './store.ts'

type Db = Database<Buffer, Buffer>

/** Address space, not disk: the file grows as it fills. */
const MAP_SIZE = 1024 * GiB
const MAX_MAPS = 64

class LmdbMap implements StoreMap {
  readonly db: Db

  constructor(db: Db) {
    this.db = db
  }

  get(key: Buffer): Buffer | undefined {
    return this.db.getBinaryFast(key)
  }

  range(from: Buffer, to: Buffer): Iterable<StoreEntry> {
    return this.db.getRange({ start: from, end: to })
  }

  last(from: Buffer, to: Buffer): StoreEntry | undefined {
    // In reverse, `start` is the upper end and inclusive; what equals it is not in the range.
    for (const entry of this.db.getRange({ start: to, end: from, reverse: true, limit: 2 })) {
      if (!entry.key.equals(to)) return entry
    }
    return from.equals(to) ? undefined : this.exactly(from)
  }

  /** In reverse, `end` is exclusive. */
  private exactly(key: Buffer): StoreEntry | undefined {
    const value = this.db.getBinary(key)
    return value && { key: Buffer.from(key), value }
  }
}

/** Where it was noted that a store is damaged, and must be made anew before it is used again. */
const notePath = (path: string): string => `${path}.damaged`

/** Why a store must not be used, as somebody found who used it. */
export function damageNote(path: string): string | undefined {
  const note = notePath(path)
  return existsSync(note) ? readFileSync(note, 'utf8') : undefined
}

/** A store in one LMDB environment, which is the file `path`. */
export class LmdbStore implements Store {
  private readonly root: RootDatabase<Buffer, Buffer>
  private readonly maps = new Map<string, LmdbMap>()

  /** `readOnly`: for who only looks at what is there; maps that are not there cannot be opened. */
  constructor(path: string, readOnly = false) {
    if (!readOnly) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
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
  }

  map(name: string): LmdbMap {
    let map = this.maps.get(name)
    if (map === undefined) {
      map = new LmdbMap(
        this.root.openDB<Buffer, Buffer>(name, { encoding: 'binary', keyEncoding: 'binary' }),
      )
      this.maps.set(name, map)
    }
    return map
  }

  commit(change: (writer: StoreWriter) => void): void {
    const writer: StoreWriter = {
      put: (name, key, value) => {
        this.map(name).db.putSync(key, value)
      },
      remove: (name, key) => {
        this.map(name).db.removeSync(key)
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
