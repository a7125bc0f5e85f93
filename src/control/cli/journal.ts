/** `dfs journal verify|cat|stat|head`: looking at a journal, also while a server writes it. */

import { isUtf8 } from 'node:buffer'
import type { DataPaths } from '../../commands/data-directory.ts'
import { InUseError, lockDataDirectory } from '../../commands/data-lock.ts'
import { recoverJournal } from '../../commands/recover-journal.ts'
import { type Access, unpackAccesses } from '../../journal/access-batch.ts'
import { commandNameOf, operationNameOf } from '../../journal/command-names.ts'
import { type Event, eventSpecs } from '../../journal/events.ts'
import type { Extent, FieldKind } from '../../journal/fields.ts'
import { recordsOf } from '../../journal/frame.ts'
import { LmdbJournal } from '../../journal/lmdb.ts'
import type { JournalRecord } from '../../journal/record.ts'
import { refusalOf } from '../../journal/refusal.ts'
import { checkAgainst, headFile } from '../../journal/signed-head.ts'
import { verifyJournal } from '../../journal/verify.ts'
import type { Instant } from '../../platform/clock.ts'
import { type CliCommand, type OptionValues, UsageError } from './commands.ts'
import { headOption, printHead } from './head-options.ts'
import { dataOption, mustBeData } from './offline.ts'
import { printLine } from './output.ts'

export const journalCommand: CliCommand = {
  name: 'journal',
  summary: 'verify, print or measure a journal, or export its head',
  usage: 'verify|cat|stat|head --data DIR [--from SEQ] [--to SEQ] [--json]',
  help: `\
verify  proves that it is whole: checksums, the hash chain over all frames, unbroken sequence,
        and that every record decodes. Exit status 1 and the first record that is wrong otherwise.
        With --head FILE --public-key FILE also that it has the past that an exported head was
        signed for: nothing before it was cut off, added or changed.
cat     prints records, one a line of JSON, --from and --to a sequence number.
stat    says how many records, frames and bytes it has, by command.
head    exports its end, with --sign KEYFILE signed by that Ed25519 key (PKCS #8, PEM):

          openssl genpkey -algorithm ed25519 -out key.pem
          openssl pkey -in key.pem -pubout -out public.pem`,
  options: {
    data: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    json: { type: 'boolean' },
    head: { type: 'string' },
    'public-key': { type: 'string' },
    sign: { type: 'string' },
  },
  operands: true,
  run: async ({ values, positionals }) => {
    const [what, more] = positionals
    const actions = { verify, cat, stat, head }
    if (what === undefined || !Object.hasOwn(actions, what))
      throw new UsageError('verify, cat, stat or head?')
    if (more !== undefined) throw new UsageError(`only ${what} expected, but also got ${more}`)
    const paths = dataOption(values)
    mustBeData(paths)
    const dir = paths.journal
    await recoverIfFree(paths)
    const journal = await LmdbJournal.open({ dir, readOnly: true })
    try {
      return await actions[what as keyof typeof actions](journal, values)
    } finally {
      await journal.close()
    }
  },
}

/** After a crash the last records are in the tail log; a running server sees to that itself. */
async function recoverIfFree(paths: DataPaths): Promise<void> {
  try {
    const unlock = await lockDataDirectory(paths.root)
    await recoverJournal(paths).finally(unlock)
  } catch (error) {
    if (!(error instanceof InUseError)) throw error
  }
}

function seqOption(values: OptionValues, name: string, fallback: number): number {
  const value = values[name]
  if (value === undefined) return fallback
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value)
  throw new UsageError(`--${name} takes a sequence number`)
}

async function verify(journal: LmdbJournal, values: OptionValues): Promise<number> {
  const expected = headOption(values)
  const from = seqOption(values, 'from', 1)
  const { seq: last } = await journal.tail()
  if (from > Math.max(last, 1)) {
    throw new Error(`there is nothing to verify: the journal ends with record ${last}`)
  }
  const { tail, ...counts } = await verifyJournal(journal, from, (seq) => {
    if (process.stderr.isTTY) process.stderr.write(`\rrecord ${seq} `)
  })
  const result = {
    ...counts,
    lastSeq: tail.seq,
    epoch: tail.epoch,
    head: tail.hash.toString('hex'),
    ...(expected !== undefined && { signed: expected.seq }),
  }
  if (expected !== undefined) await checkAgainst(journal, expected)
  if (values['json'] === true) process.stdout.write(`${JSON.stringify(result)}\n`)
  else {
    process.stdout.write(
      `whole: records ${result.firstSeq} to ${result.lastSeq} in ${result.frames} frames, ` +
        `${result.bytes} bytes, epoch ${result.epoch}\nhead ${result.head}\n`,
    )
    if (expected !== undefined) {
      process.stdout.write(`up to record ${expected.seq} as signed at ${expected.time}\n`)
    }
  }
  return 0
}

async function head(journal: LmdbJournal, values: OptionValues): Promise<number> {
  const tail = await journal.tail()
  if (tail.seq === 0) throw new Error('the journal is empty')
  printHead(headFile(tail), values)
  return 0
}

async function cat(journal: LmdbJournal, values: OptionValues): Promise<number> {
  const from = seqOption(values, 'from', 1)
  const to = seqOption(values, 'to', Number.MAX_SAFE_INTEGER)
  for await (const frame of journal.stored(from)) {
    for (const record of recordsOf(frame)) {
      if (record.seq < from) continue
      if (record.seq > to) return 0
      if (!(await printLine(JSON.stringify(readable(record))))) return 0
    }
  }
  return 0
}

/** Names for numbers; block ids in hexadecimal; names as UTF-8 where they are. */
function readable({ command, origin, sec, nsec, refusal, ...rest }: JournalRecord): unknown {
  return {
    seq: rest.seq,
    time: timeText({ sec, nsec }),
    command: commandNameOf(command) ?? command,
    operation: operationNameOf(origin.op) ?? origin.op,
    client: origin.client,
    uid: origin.uid,
    gid: origin.gid,
    ...(origin.actor !== undefined && { actor: origin.actor }),
    share: rest.share,
    result: refusal === 0 ? 'ok' : refusalOf(refusal),
    about: rest.about && shownFields(rest.about, { name: 'name', toName: 'name' }),
    events: rest.events.map(shownEvent),
    ...(rest.accesses !== undefined && accessesOf(rest.accesses, { sec, nsec })),
  }
}

function accessesOf(packed: Buffer, first: Instant): object {
  const { accesses, dropped } = unpackAccesses(packed, first)
  return {
    accesses: accesses.map(readableAccess),
    ...(dropped > 0 && { dropped }),
  }
}

function readableAccess({ context, sec, nsec, ino, name, repeated }: Access): object {
  const { op, refusal, ...who } = context
  return {
    time: timeText({ sec, nsec }),
    ...(repeated !== undefined && { last: timeText(repeated.last), times: repeated.times }),
    operation: operationNameOf(op) ?? op,
    ...who,
    result: refusal === 0 ? 'ok' : refusalOf(refusal),
    ino,
    ...(name !== '' && { name: utf8(name) }),
  }
}

const timeText = ({ sec, nsec }: Instant): string =>
  `${new Date(sec * 1000).toISOString().slice(0, 19)}.${String(nsec).padStart(9, '0')}Z`

/** Secrets are of this kind too. */
const SECRET = 'key'
/** A path as a client gave it, which is bytes. */
const PATH = 'path'

const utf8 = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8')

function shownEvent(event: Event): unknown {
  return shownFields(event, eventSpecs[event.type].fields)
}

function shownFields(value: object, kinds: Readonly<Record<string, FieldKind>>): unknown {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .flatMap(([name, v]) => [
        [name, name === SECRET ? '(secret)' : shown(v, kinds[name], name)],
        ...bytesOf(name, v, kinds[name]),
      ]),
  )
}

function shown(value: unknown, kind: FieldKind | undefined, name: string): unknown {
  if (kind === 'extents') return (value as readonly Extent[]).map(shownExtent)
  if (typeof value !== 'string') return value
  if (kind === 'bytes' || kind === 'bytes?') return hex(value)
  return kind === 'name' || name === PATH ? utf8(value) : value
}

/** Names that are no UTF-8 could not be told apart otherwise. */
function bytesOf(name: string, value: unknown, kind: FieldKind | undefined): [string, string][] {
  if (kind !== 'name' || typeof value !== 'string') return []
  const bytes = Buffer.from(value, 'latin1')
  return isUtf8(bytes) ? [] : [[`${name}Bytes`, bytes.toString('base64')]]
}

const hex = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('hex')

const shownExtent = (extent: Extent): object => ({ ...extent, block: hex(extent.block) })

async function stat(journal: LmdbJournal, values: OptionValues): Promise<number> {
  const commands = new Map<string, number>()
  let [frames, records, bytes, refusedCount] = [0, 0, 0, 0]
  for await (const frame of journal.stored(seqOption(values, 'from', 1))) {
    frames += 1
    bytes += frame.bytes.length
    for (const { command, refusal } of recordsOf(frame)) {
      records += 1
      if (refusal !== 0) refusedCount += 1
      const name = commandNameOf(command) ?? String(command)
      commands.set(name, (commands.get(name) ?? 0) + 1)
    }
  }
  const byCommand = Object.fromEntries([...commands].sort(([, a], [, b]) => b - a))
  const perRecord = records === 0 ? 0 : bytes / records
  const result = {
    records,
    refused: refusedCount,
    frames,
    bytes,
    bytesPerRecord: perRecord,
    byCommand,
  }
  if (values['json'] === true) process.stdout.write(`${JSON.stringify(result)}\n`)
  else {
    process.stdout.write(
      `${records} records (${refusedCount} refused) in ${frames} frames, ${bytes} bytes, ` +
        `${perRecord.toFixed(1)} a record\n`,
    )
    for (const [name, count] of Object.entries(byCommand)) {
      process.stdout.write(`  ${name.padEnd(20)} ${count}\n`)
    }
  }
  return 0
}
