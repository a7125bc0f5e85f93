/** Something in a data directory that is not as it must be, in words for who runs the server. */
export interface Finding {
  readonly area: Area
  /** The file, record, block or object that it is about. */
  readonly where: string
  readonly what: string
  /** What it means for whom: which files, at which moments. */
  readonly means?: string
  /** Whether a repair makes it good. */
  readonly heals?: boolean
}

/**
 * What is damaged, and so what helps: projections and index are made again from the journal and
 * from the segments; the journal and the segments themselves only come back from a copy.
 */
export type Area = 'journal' | 'projections' | 'index' | 'content'

export type OnFinding = (finding: Finding) => void

/** Bytes or rows done so far, for who waits. */
export type Progress = (what: string, done: number) => void

export const noProgress: Progress = () => undefined

/** Reports the first of many alike, and how many more there were. */
export class Limited {
  private readonly onFinding: OnFinding
  private readonly limit: number
  private count = 0
  private last: Finding | undefined

  constructor(onFinding: OnFinding, limit = 100) {
    this.onFinding = onFinding
    this.limit = limit
  }

  get total(): number {
    return this.count
  }

  add(finding: Finding): void {
    this.count += 1
    this.last = finding
    if (this.count <= this.limit) this.onFinding(finding)
  }

  end(where: string): void {
    const { last, count, limit } = this
    if (last === undefined || count <= limit) return
    const what = `${count - limit} more of the kind`
    const { area, heals = false } = last
    this.onFinding({ area, where, what, heals })
  }
}
