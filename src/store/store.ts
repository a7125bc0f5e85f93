/**
 * Sorted maps of bytes that change together, atomically and durably: where projections and the
 * index of blocks are kept. LMDB in the product, the heap in simulations. One writer, any number of
 * readers. Whatever is in a store can be made again from the journal or from segments.
 */
export interface StoreEntry {
  readonly key: Buffer
  readonly value: Buffer
}

export interface StoreMap {
  /** A view that is valid until the next call on any map of the store; copy it to keep it. */
  get(key: Buffer): Buffer | undefined
  /** Entries with from <= key < to, ascending. */
  range(from: Buffer, to: Buffer): Iterable<StoreEntry>
  /** The entry with the greatest key, from <= key < to. */
  last(from: Buffer, to: Buffer): StoreEntry | undefined
}

export interface StoreWriter {
  put(map: string, key: Buffer, value: Buffer): void
  remove(map: string, key: Buffer): void
}

export interface Store {
  map(name: string): StoreMap
  /** All of it or nothing, durable when it returns. */
  commit(change: (writer: StoreWriter) => void): void
  /** From here on reads see what was committed until now, also in another thread. */
  refresh(): void
  close(): Promise<void>
}
