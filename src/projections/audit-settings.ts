import type { Event } from '../journal/events.ts'
import { markedAt } from './share.ts'
import type { World } from './world.ts'

/** What a change of the control plane replaces; undefined: nothing was there. */
export function settingBefore({ control }: World, event: Event): unknown {
  switch (event.type) {
    case 'ShareOptionsChanged': {
      const options = control.shares.get(event.share)?.options as
        | Readonly<Record<string, unknown>>
        | undefined
      return options && Object.fromEntries(Object.keys(event.options).map((k) => [k, options[k]]))
    }
    case 'LabelSet':
    case 'LabelRemoved':
      return markOf(control.shares.get(event.share)?.labels, event.label)
    case 'HoldReleased':
      return markOf(control.shares.get(event.share)?.holds, event.hold)
    case 'UserCreated':
    case 'UserDeleted':
      return control.users.get(event.uid)
    case 'GroupCreated':
    case 'GroupDeleted':
      return control.groups.get(event.gid)
    default:
      return undefined
  }
}

const markOf = (marks: Readonly<Record<string, number>> | undefined, name: string) =>
  marks && markedAt(marks, name)
