import { changesText } from '../audit/cef.ts'
import { type AuditEntry, placeText } from '../audit/entry.ts'
import { ApiClient, apiHelp, apiOptions } from './api-client.ts'
import { type CliCommand, type OptionValues, UsageError } from './commands.ts'
import { printLine } from './output.ts'
import { printable } from './printable.ts'

const filters = ['share', 'path', 'user', 'client', 'op', 'result', 'since', 'until'] as const
const others = ['after', 'before', 'limit'] as const

export const auditCommand: CliCommand = {
  name: 'audit',
  summary: 'who did what, and who tried',
  usage: '[--path PATH] [--user USER] [--since TIME] … [--follow] [--json|--cef]',
  help: `Tells of records of the journal, the newest first: every change, every change that was
refused, mounts, logins and what administrators did; of shares with --audit all reads too.

  --share NAME         only of this share
  --path PATH          only what was at or below this path at that time: /export/projects
  --user USER          by name or uid; token: administrators
  --client ADDRESS     server: what nobody has asked for
  --op OPERATION       REMOVE, nfs3.REMOVE, nfs3 (all of it), or a command: RemoveFile
  --result RESULT      ok, refused, or a reason such as accessDenied
  --since TIME         2026-11-23T06:00:00Z, or how long ago: 90m, 24h, 7d
  --until TIME
  --after RECORD       only behind this record: 1234, or 1234.5 of several accesses in one
  --before RECORD      only in front of it
  --oldest-first
  --limit N            entries at most
  --follow             goes on with what comes; without --since or --after from now on. Exit status
                       1 when the server stops
  --cef                prints the Common Event Format

USER, ADDRESS, OPERATION and RESULT may be several with commas between.

${apiHelp}`,
  options: {
    ...apiOptions,
    ...Object.fromEntries([...filters, ...others].map((n) => [n, { type: 'string' } as const])),
    'oldest-first': { type: 'boolean' },
    follow: { type: 'boolean' },
    cef: { type: 'boolean' },
  },
  operands: true,
  streams: true,
  run: async ({ values, positionals }) => {
    if (positionals.length > 0) throw new UsageError(`--path ${positionals[0]}?`)
    const raw = values['json'] === true || values['cef'] === true
    let count = 0
    for await (const line of new ApiClient(values).textLines(
      'GET',
      `/v1/audit?${questionOf(values)}`,
    )) {
      await printLine(raw ? line : textOf(JSON.parse(line) as AuditEntry))
      count += 1
    }
    if (values['follow'] !== true || count === Number(values['limit'])) return 0
    throw new Error('the server has stopped: go on with --after and the last record')
  },
}

function questionOf(values: OptionValues): string {
  if (values['json'] === true && values['cef'] === true) throw new UsageError('--json or --cef?')
  const question = new URLSearchParams()
  for (const name of [...filters, ...others]) {
    const value = values[name]
    if (typeof value === 'string') question.set(name, value)
  }
  if (values['oldest-first'] === true) question.set('order', 'oldest')
  if (values['follow'] === true) question.set('follow', '1')
  question.set('format', values['cef'] === true ? 'cef' : 'ndjson')
  return question.toString()
}

function textOf(entry: AuditEntry): string {
  const { time, user, client, protocol, operation, result, path, to, object } = entry
  const about = [path, object].filter((part) => part !== undefined).join(' ')
  const inode = about === '' && entry.inode !== undefined ? `inode ${entry.inode}` : about
  const where = to === undefined ? inode : `${inode} -> ${to}`
  const changes = Object.entries(entry.changes ?? {})
  const times = entry.attempts === undefined ? '' : ` ×${entry.attempts}`
  const columns = [
    placeText(entry).padStart(8),
    `${time.slice(0, 23)}Z`,
    user.padEnd(8),
    client.padEnd(15),
    `${protocol}.${operation}`.padEnd(16),
    `${result}${times}`.padEnd(12),
    where,
    changes.length === 0 ? '' : `(${changesText(changes)})`,
  ]
  return printable(columns.join(' ').trimEnd())
}
