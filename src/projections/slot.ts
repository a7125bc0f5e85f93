/** A value that a later one of the same key has replaced, while the store does not know yet. */
export interface Version<V> {
  readonly value: V | undefined
  readonly seq: number
  readonly older: Version<V> | undefined
}

/**
 * The row of one key in memory. It is the truth whatever the store says. It is clean, and may be
 * forgotten, when `seq` is flushed; until then it must stay.
 */
export class Slot<V> {
  readonly group: number
  readonly sub: string | number
  /** undefined: there is no such row. */
  value: V | undefined
  /** The record that gave it this value; 0 for an absence that was read from the store. */
  seq: number
  older: Version<V> | undefined = undefined
  /** Second chance: used since the clock hand passed. */
  used = true
  weight = 0
  /** The store is known to have no live row of this key: flushing need not look. */
  absent = false

  constructor(group: number, sub: string | number, value: V | undefined, seq: number) {
    this.group = group
    this.sub = sub
    this.value = value
    this.seq = seq
  }

  /** The version that was in force at `seq`, if memory knows it. */
  at(seq: number): Version<V> | undefined {
    let version: Version<V> | undefined = this
    while (version !== undefined && version.seq > seq) version = version.older
    return version
  }

  /** Drops the versions that the store has by now. */
  forgetUpTo(flushed: number): void {
    if (this.seq <= flushed) {
      this.older = undefined
      return
    }
    let version: Version<V> = this
    while (version.older !== undefined && version.older.seq > flushed) version = version.older
    ;(version as { older: Version<V> | undefined }).older = undefined
  }
}
