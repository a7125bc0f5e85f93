import { join } from 'node:path'

/** What lies where in a data directory (docs/formats/README.md). */
export interface DataPaths {
  readonly root: string
  readonly journal: string
  readonly segments: string
  readonly index: string
  readonly projections: string
  readonly ballast: string
  readonly token: string
}

export function dataPaths(root: string): DataPaths {
  return {
    root,
    journal: join(root, 'journal'),
    segments: join(root, 'content', 'segments'),
    index: join(root, 'content', 'index.mdb'),
    projections: join(root, 'projections', 'projections.mdb'),
    ballast: join(root, 'reserve'),
    token: join(root, 'token'),
  }
}
