import type { StoredRow } from './stored-rows.ts'

/** Rows in the order of their groups, taken group by group next to another ascending sequence. */
export class GroupCursor<V> {
  private readonly rows: Iterator<StoredRow<V>>
  private next: StoredRow<V> | undefined

  constructor(rows: Iterable<StoredRow<V>>) {
    this.rows = rows[Symbol.iterator]()
    this.advance()
  }

  private advance(): void {
    const step = this.rows.next()
    this.next = step.done === true ? undefined : step.value
  }

  /** Rows of groups before `group` that nobody has taken: they belong to nothing. */
  *before(group: number): Iterable<StoredRow<V>> {
    for (; this.next !== undefined && this.next.group < group; this.advance()) yield this.next
  }

  *of(group: number): Iterable<StoredRow<V>> {
    for (; this.next?.group === group; this.advance()) yield this.next as StoredRow<V>
  }

  /** Ends the underlying iteration early. */
  close(): void {
    this.rows.return?.()
  }
}
