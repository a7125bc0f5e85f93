import { accepted, type Decide } from '../decider.ts'

/** The secret behind the check codes of file handles. It is in the journal because handles must
 *  hold on another machine too that rebuilds from it. */
export interface CreateHandleKey {
  readonly type: 'CreateHandleKey'
  /** Sixteen random bytes, as a string. */
  readonly key: string
}

export const createHandleKey: Decide<CreateHandleKey> = (world, { key }) =>
  accepted(world.control.state.handleKey === '' ? [{ type: 'HandleKeyCreated', key }] : [])
