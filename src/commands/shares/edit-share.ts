import type { ShareOptions } from '../../projections/share.ts'
import { accepted, type Decide, refused } from '../decider.ts'
import { invalidOptions } from './share-options.ts'

export interface EditShare {
  readonly type: 'EditShare'
  readonly name: string
  readonly options: Partial<ShareOptions>
}

export const editShare: Decide<EditShare> = (world, { name, options }) => {
  const share = world.control.shareByName(name)
  if (share === undefined) return refused('unknown')
  if (invalidOptions(options).length > 0) return refused('invalid')
  return accepted([{ type: 'ShareOptionsChanged', share: share.id, options }], share.id)
}
