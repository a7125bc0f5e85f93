/** docs/formats/events.md, from the table of events. */
import { type EventType, eventSpecs } from '../../src/journal/events.ts'
import { eventMeanings } from './event-meanings.ts'

const INTRODUCTION = `# Events

<!-- Made by \`npm run docs\` from src/journal/events.ts: do not edit. -->

What can have happened. An event stands in its [record](records.md) as the msgpack array
\`[code, version, ...fields]\`, the fields in the order below. Folding it needs nothing but the
state before it and the record
it stands in, whose share is the share and whose time is the ctime of what it changes.

Codes are for ever. When the fields of an event change, its version grows by one; journals that
hold older versions
are never rewritten: \`src/journal/upcasts.ts\` lifts an older version to the next one as it is
read.

| kind | in the journal |
| --- | --- |
| int | integer, 0 to 2^53 − 1 |
| text | string |
| name | string when it is ASCII, binary otherwise: clients may use any encoding |
| bytes | binary |
| time? | \`[seconds, nanoseconds]\` since 1970-01-01T00:00:00Z, or nil |
| int?, bytes? | the same as without the question mark, or nil |
| ints | array of integers |
| map | map of plain values |
| extents | four values each: offset, length, SHA-256 of the block (nil: a hole), offset in it |

\`ino\`, \`dir\` and the like are inode numbers; \`cookie\` is an entry's position in READDIR;
\`generation\` is 32 random
bits; \`mode\` has the permission bits of POSIX; \`atime\` and \`mtime\` that are nil are the
record's time where
something is created, and unchanged where something is changed.

| code | event | version | fields | what it says |
| --- | --- | --- | --- | --- |
`

export function eventsPage(): string {
  const events = Object.entries(eventSpecs).sort(([, a], [, b]) => a.code - b.code)
  const rows = events.map(([name, { code, version, fields }]) => {
    const list = Object.entries(fields).map(([field, kind]) => `${field}: ${kind}`)
    const meaning = eventMeanings[name as EventType]
    return `| ${code} | ${name} | ${version} | ${list.join(', ')} | ${meaning} |\n`
  })
  return INTRODUCTION + rows.join('')
}
