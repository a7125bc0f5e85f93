import type { Store, StoreEntry, StoreMap, StoreWriter } from './store.ts'

/** Sorted by binary search in one array: simple, and fast enough for what tests fold. */
class MemoryMap implements StoreMap {
  private readonly entries: StoreEntry[] = []

  private position(key: Buffer): number {
    let [low, high] = [0, this.entries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (Buffer.compare((this.entries[middle] as StoreEntry).key, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  private has(at: number, key: Buffer): boolean {
    return this.entries[at]?.key.equals(key) ?? false
  }

  get(key: Buffer): Buffer | undefined {
    const at = this.position(key)
    return this.has(at, key) ? this.entries[at]?.value : undefined
  }

  *range(from: Buffer, to: Buffer): Iterable<StoreEntry> {
    yield* this.entries.slice(this.position(from), this.position(to))
  }

  last(from: Buffer, to: Buffer): StoreEntry | undefined {
    const at = this.position(to) - 1
    const entry = this.entries[at]
    return entry && Buffer.compare(entry.key, from) >= 0 ? entry : undefined
  }

  put(key: Buffer, value: Buffer): void {
    const at = this.position(key)
    const entry = { key: Buffer.from(key), value: Buffer.from(value) }
    this.entries.splice(at, this.has(at, key) ? 1 : 0, entry)
  }

  remove(key: Buffer): void {
    const at = this.position(key)
    if (this.has(at, key)) this.entries.splice(at, 1)
  }
}

/** A store on the heap. It outlives the worlds that are opened on it, as a disk does. */
export class MemoryStore implements Store {
  private readonly maps = new Map<string, MemoryMap>()

  map(name: string): MemoryMap {
    let map = this.maps.get(name)
    if (map === undefined) {
      map = new MemoryMap()
      this.maps.set(name, map)
    }
    return map
  }

  commit(change: (writer: StoreWriter) => void): void {
    change({
      put: (name, key, value) => this.map(name).put(key, value),
      remove: (name, key) => this.map(name).remove(key),
    })
  }

  refresh(): void {}

  async close(): Promise<void> {}
}
