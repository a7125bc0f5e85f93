import type { EventOf, EventType } from '../journal/events.ts'
import type { JournalRecord } from '../journal/record.ts'
import { contentFolds } from './fold-content.ts'
import { controlFolds } from './fold-control.ts'
import { treeFolds } from './fold-tree.ts'
import type { World } from './world.ts'

export type Fold<T extends EventType> = (
  world: World,
  event: EventOf<T>,
  record: JournalRecord,
) => void

/** An event that nothing folds does not compile. */
export const folds: { readonly [T in EventType]: Fold<T> } = {
  ...treeFolds,
  ...contentFolds,
  ...controlFolds,
}
