import { commandCodes } from '../journal/command-names.ts'
import type { About, JournalRecord } from '../journal/record.ts'
import { refusals } from '../journal/refusal.ts'
import { type Accepted, aboutEntry, aboutNode, type Refused, type Stamp } from './decider.ts'
import type { Command } from './deciders.ts'

/** The record that a command and its outcome leave. */
export function recordOf(
  seq: number,
  command: Command,
  stamp: Stamp,
  outcome: Accepted | Refused,
): JournalRecord {
  const { at, origin } = stamp
  const wasRefused = outcome.kind === 'refused'
  return {
    seq,
    command: commandCodes[command.type],
    sec: at.sec,
    nsec: at.nsec,
    share: 'share' in command ? command.share : 0,
    origin,
    refusal: wasRefused ? refusals[outcome.why] : 0,
    about: aboutOf(command, outcome),
    events: wasRefused ? [] : outcome.events,
  }
}

/** What was accepted says in its events what it is about; a record without any says it here. */
function aboutOf(command: Command, outcome: Accepted | Refused): About | undefined {
  if (outcome.kind === 'refused') return askedFor(command)
  if (outcome.events.length > 0) return undefined
  const about = askedFor(command)
  return about && { ...about, ino: outcome.ino }
}

function askedFor(command: Command): About | undefined {
  switch (command.type) {
    case 'RenameEntry': {
      const { fromDir, fromName, toDir, toName } = command
      return { ino: 0, dir: fromDir, name: fromName, toDir, toName }
    }
    case 'LinkEntry':
      return { ...aboutEntry(command.dir, command.name), ino: command.ino }
    case 'CreateDirectory':
    case 'CreateFile':
    case 'CreateSpecialFile':
    case 'CreateSymlink':
    case 'RemoveDirectory':
    case 'RestoreInode':
    case 'RemoveFile':
      return aboutEntry(command.dir, command.name)
    case 'ChangeAttributes':
    case 'TouchAccessTime':
    case 'WriteContent':
      return aboutNode(command.ino)
    case 'CreateShare':
    case 'EditShare':
    case 'DeleteShare':
    case 'ForkShare':
    case 'CreateUser':
    case 'DeleteUser':
    case 'CreateGroup':
    case 'DeleteGroup':
      return aboutName(command.name)
    case 'SetLabel':
    case 'RemoveLabel':
      return aboutName(command.label)
    case 'PlaceHold':
    case 'ReleaseHold':
      return aboutName(command.hold)
    default:
      return undefined
  }
}

const NAME_LENGTH_MAX = 1024

/** What administrators call it: text, where others have bytes. */
const aboutName = (name: string): About =>
  aboutEntry(0, Buffer.from(name.slice(0, NAME_LENGTH_MAX), 'utf8').toString('latin1'))
