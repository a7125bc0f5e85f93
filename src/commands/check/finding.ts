/** Something in a data directory that is not as it must be, in words for who runs the server. */
export interface Finding {
  readonly area: Area
  /** The file, record, block or object that it is about. */
  readonly where: string
  readonly what: string
}

/**
 * What is damaged, and so what helps: projections and index are made again from the journal and
 * from the segments; the journal and the segments themselves only come back from a copy.
 */
export type Area = 'journal' | 'projections' | 'index' | 'content'

/** Bytes or rows done so far, for who waits. */
export type Progress = (what: string, done: number) => void

export const noProgress: Progress = () => undefined
