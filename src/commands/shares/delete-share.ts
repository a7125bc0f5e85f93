import { accepted, type Decide, refused } from '../decider.ts'

/** Takes a share out of service. What it held stays readable until its retention ends. */
export interface DeleteShare {
  readonly type: 'DeleteShare'
  readonly name: string
}

export const deleteShare: Decide<DeleteShare> = (world, { name }) => {
  const share = world.control.shareByName(name)
  if (share === undefined) return refused('unknown')
  return accepted([{ type: 'ShareDeleted', share: share.id }], share.id)
}
