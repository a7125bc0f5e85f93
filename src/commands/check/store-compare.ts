/**
 * Whether the rows of projections are those that the journal folds to: both in the order of their
 * keys, side by side. What retention has forgotten may be missing, nothing else.
 */
import { inoOf, shareOf } from '../../projections/node-id.ts'
import { groupOfKey, seqOfRow } from '../../projections/row-codec.ts'
import { tableSpecs } from '../../projections/rows.ts'
import type { World } from '../../projections/world.ts'
import type { FileEntry, LmdbFile } from '../../store/lmdb-file.ts'
import type { Tree } from '../../store/lmdb-page.ts'
import { checkedValue } from '../../store/row-checksum.ts'
import { Limited, type OnFinding, type Progress } from './finding.ts'
import { nodeName, utf8 } from './node-name.ts'
import { FIRST_KEY, nameOfKey, PAST_KEYS, versionsOf } from './stored-rows.ts'

interface Row {
  readonly key: Buffer
  readonly value: Buffer | undefined
}

export interface StoreCompareOptions {
  readonly stored: LmdbFile
  /** Folded anew up to the record that the stored rows are of; nothing of it is pruned. */
  readonly folded: World
  /** The last record of a share that the stored rows need not remember. */
  readonly horizon: (share: number) => number
  readonly onFinding: OnFinding
  readonly progress: Progress
}

const TABLES = Object.values(tableSpecs(0))
const PROGRESS_ROWS = 50_000

export class StoreCompare {
  private readonly options: StoreCompareOptions
  private readonly limited: Limited
  private rows = 0

  constructor(options: StoreCompareOptions) {
    this.options = options
    this.limited = new Limited(options.onFinding)
  }

  /** Returns the number of rows compared. */
  run(): number {
    const { stored } = this.options
    const trees = stored.named()
    for (const { name, temporal } of TABLES) {
      this.map(name, trees.get(name), false)
      if (temporal) this.map(`${name}@`, trees.get(`${name}@`), true)
    }
    this.map('replies', trees.get('replies'), false)
    this.limited.end('projections')
    return this.rows
  }

  /** How past versions are put together depends on when they were flushed: each is compared. */
  private map(name: string, tree: Tree | undefined, past: boolean): void {
    const { stored, folded, progress } = this.options
    const left = rowsOf(tree === undefined ? [] : stored.entries(tree), past)[Symbol.iterator]()
    const all = folded.store.map(name).range(FIRST_KEY, PAST_KEYS)
    const right = (past ? versionsOf(all) : all)[Symbol.iterator]()
    let [is, should] = [left.next(), right.next()]
    while (is.done !== true || should.done !== true) {
      this.rows += 1
      if (this.rows % PROGRESS_ROWS === 0) progress('rows', this.rows)
      const order = compare(is.done === true ? undefined : is.value.key, should.value?.key)
      if (order < 0) this.differs(name, is.value.key, 'is there and should not be')
      else if (order > 0) this.absent(name, should.value, past)
      else if (is.value?.value?.equals(bytesOf(should.value.value)) !== true) {
        this.differs(name, is.value.key, 'is not what the journal says')
      }
      if (order <= 0) is = left.next()
      if (order >= 0) should = right.next()
    }
  }

  private absent(name: string, { key, value }: Row, past: boolean): void {
    const { horizon, folded } = this.options
    const group = groupOfKey(key)
    const forgotten = horizon(shareOf(group)) || this.leastHorizon(group)
    if (past && value !== undefined && seqOfRow(value) <= forgotten) return
    const share = folded.control.shares.get(shareOf(group))
    if (share !== undefined && share.deleted !== 0 && share.deleted <= forgotten) return
    const content = name === 'extents' || name === 'extents@' || name === 'graves'
    const since = content ? folded.graves.get(group, 0)?.since : undefined
    if (since !== undefined && since <= forgotten) return
    this.differs(name, key, 'is missing')
  }

  /**
   * Of the control plane in stores that do not say it: its past is kept while that of any share is.
   */
  private leastHorizon(group: number): number {
    const { horizon, folded } = this.options
    if (shareOf(group) !== 0) return 0
    const shares = [...folded.control.shares.values()].map(({ id }) => horizon(id))
    return shares.length === 0 ? 0 : Math.min(...shares)
  }

  private differs(name: string, key: Buffer, how: string): void {
    this.limited.add({
      area: 'projections',
      where: this.objectOf(name, key),
      what: `its row in ${name} ${how}`,
      means: 'It may be shown with wrong names, attributes or content.',
      heals: true,
    })
  }

  private objectOf(table: string, key: Buffer): string {
    const { folded } = this.options
    if (key.length < 8) return `a key of ${key.length} bytes`
    const group = groupOfKey(key)
    if (table === 'control' || table === 'control@') return 'the control plane'
    if (table === 'replies') return `the reply cache of client ${group}`
    if (table === 'usage') return `what share ${shareOf(group)} counts`
    if (inoOf(group) === 0) return `share ${shareOf(group)}`
    const name = nodeName(folded, group)
    return table === 'entries' ? `${JSON.stringify(utf8(nameOfKey(key)))} in ${name}` : name
  }
}

function compare(a: Buffer | undefined, b: Buffer | undefined): number {
  if (a === undefined) return 1
  return b === undefined ? -1 : Buffer.compare(a, b)
}

const bytesOf = (view: Buffer): Buffer => view.subarray(0, view.length)

/** Without a value where that is not what was written. */
function* rowsOf(entries: Iterable<FileEntry>, past: boolean): Iterable<Row> {
  for (const { key, value: read } of entries) {
    const stored = read()
    const value = stored && checkedValue(key, stored)
    if (past && value !== undefined) yield* versionsOf([{ key, value }])
    else yield { key, value }
  }
}
