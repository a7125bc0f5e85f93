import { SHARE_MAX } from '../../projections/node-id.ts'
import { defaultShareOptions, type ShareOptions } from '../../projections/share.ts'
import { accepted, type Decide, refused } from '../decider.ts'
import { invalidOptions } from './share-options.ts'

export interface CreateShare {
  readonly type: 'CreateShare'
  readonly name: string
  readonly options: Partial<ShareOptions>
  /** Of the root directory. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

const NAME = /^(\/[^/\0]{1,255})+$/
const NAME_LENGTH_MAX = 1024

/** An absolute path without empty, `.` or `..` parts, and text that clients can send as UTF-8. */
export function isShareName(name: string): boolean {
  const parts = name.split('/')
  return (
    name.length <= NAME_LENGTH_MAX &&
    name.isWellFormed() &&
    NAME.test(name) &&
    !parts.includes('.') &&
    !parts.includes('..')
  )
}

export const createShare: Decide<CreateShare> = (world, command, { random }) => {
  const { name, options, mode, uid, gid } = command
  if (!isShareName(name) || invalidOptions(options).length > 0) return refused('invalid')
  if (world.control.shareByName(name) !== undefined) return refused('exists')
  const share = world.control.state.nextShare
  if (share > SHARE_MAX) return refused('noSpace')
  // All options are written down: a later version's defaults must not change this share.
  const all = { ...defaultShareOptions, ...options }
  const event = { share, name, generation: random, mode, uid, gid, options: all }
  return accepted([{ type: 'ShareCreated', ...event }], share)
}
