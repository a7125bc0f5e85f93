/**
 * Audit entries in the Common Event Format, version 0 (ArcSight Common Event Format, revision 26):
 * one line each, for security event managers. docs/guide/audit.md lists the fields.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { version } from '../version.ts'
import type { Change } from './changes.ts'
import { type AuditEntry, placeText } from './entry.ts'

/** Section "Header": pipes and backslashes are escaped. Line breaks have no place in it. */
const header = (text: string): string => text.replace(/[\\|]/g, '\\$&').replace(/\p{Cc}+/gu, ' ')

/** Section "Extension": equal signs and backslashes are escaped, line breaks written as \n, \r. */
const extension = (text: string): string =>
  text
    .replace(/[\\=]/g, '\\$&')
    .replace(/\n/g, '\\n')
    .replace(/\r/g, '\\r')
    .replace(/\p{Cc}/gu, ' ')

/** 0 to 10: nobody let in is worst, then what was refused, then what administrators do. */
function severityOf({ command, result, protocol }: AuditEntry): number {
  if (result !== 'ok') return command === 'LogIn' || command === 'MountShare' ? 7 : 5
  if (protocol === 'admin' || command === 'LogIn') return 4
  return command === 'Access' ? 1 : 3
}

type Field = readonly [key: string, value: string | number | undefined]

export function cefLine(entry: AuditEntry): string {
  const { protocol, operation, command } = entry
  const name = `${protocol} ${operation} ${entry.result === 'ok' ? 'done' : 'refused'}`
  const head = ['CEF:0', 'DittoFS', 'DittoFS', version, command, name, String(severityOf(entry))]
  const fields = fieldsOf(entry).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${extension(String(value))}`],
  )
  return `${head.map(header).join('|')}|${fields.join(' ')}`
}

function fieldsOf(entry: AuditEntry): Field[] {
  const { path, to, changes, client, ranges } = entry
  const { size, mode } = changes ?? {}
  const rest = Object.entries(changes ?? {}).filter(([key]) => key !== 'size' && key !== 'mode')
  return [
    ['externalId', placeText(entry)],
    ['rt', Date.parse(entry.time)],
    ['src', isIPv4(client) ? client : undefined],
    ...labelled('c6a2', 'Source IPv6 Address', isIPv6(client) ? client : undefined),
    ['suser', entry.user],
    ['suid', entry.uid],
    ['app', entry.protocol],
    ['act', entry.operation],
    ['outcome', entry.result === 'ok' ? 'success' : 'failure'],
    ['reason', entry.result === 'ok' ? undefined : entry.result],
    ['cnt', entry.attempts],
    ['start', entry.last && Date.parse(entry.time)],
    ['end', entry.last && Date.parse(entry.last)],
    ['filePath', to ?? path],
    ['fname', (to ?? path)?.split('/').at(-1)],
    ['oldFilePath', to === undefined ? undefined : path],
    ['fileId', entry.inode],
    ['fsize', textOf(size?.new)],
    ['oldFileSize', textOf(size?.old)],
    ['filePermission', textOf(mode?.new)],
    ['oldFilePermission', textOf(mode?.old)],
    ...labelled('cs1', 'Share', entry.share),
    ...labelled('cs2', 'Object', entry.object),
    ...labelled('cs3', 'Changes', rest.length === 0 ? undefined : changesText(rest)),
    ...labelled('cs4', 'Ranges', ranges?.map(([at, length]) => `${at}+${length}`).join(',')),
    ...labelled('cn1', 'GID', entry.gid),
  ]
}

/** A custom field and what it is called. */
const labelled = (key: string, label: string, value: string | number | undefined): Field[] =>
  value === undefined
    ? []
    : [
        [key, value],
        [`${key}Label`, label],
      ]

export const changesText = (changes: readonly (readonly [string, Change])[]): string =>
  changes
    .map(([key, { old, new: now }]) => {
      const [from, to] = [textOf(old), textOf(now)]
      return from === undefined ? `${key}:${to}` : `${key}:${from}->${to ?? ''}`
    })
    .join('; ')

function textOf(value: unknown): string | undefined {
  if (value === undefined) return undefined
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
