/** Asks a running server for its audit. */
import assert from 'node:assert/strict'
import type { AuditEntry } from '../../../src/control/audit/entry.ts'
import type { RunningServer } from '../running-server.ts'

/** Entries that the API answers with, the oldest first unless asked otherwise. */
export async function auditOf(
  server: RunningServer,
  question: Readonly<Record<string, string>> = {},
): Promise<AuditEntry[]> {
  const url = `/v1/audit?${new URLSearchParams({ order: 'oldest', ...question })}`
  const response = await fetch(`http://${server.api}${url}`, {
    headers: { authorization: `Bearer ${server.token}` },
  })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return linesOf(text).map((line) => JSON.parse(line) as AuditEntry)
}

export const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '')

/** The last record that there is. */
export async function lastSeq(server: RunningServer): Promise<number> {
  const [last] = await auditOf(server, { order: 'newest', limit: '1' })
  return last?.seq ?? 0
}

/** What a piece of work leaves behind. */
export async function recordsOf(
  server: RunningServer,
  work: () => Promise<unknown>,
): Promise<AuditEntry[]> {
  const after = await lastSeq(server)
  await work()
  return auditOf(server, { after: String(after) })
}

/** The only entry of a piece of work, without what differs from run to run. */
export async function recordOf(
  server: RunningServer,
  work: () => Promise<unknown>,
): Promise<Partial<AuditEntry>> {
  const entries = await recordsOf(server, work)
  assert.equal(entries.length, 1, JSON.stringify(entries, null, 1))
  return comparable(entries[0] as AuditEntry)
}

export function comparable({ seq, time, inode, ...rest }: AuditEntry): Partial<AuditEntry> {
  assert.ok(seq > 0)
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
  assert.ok(inode === undefined || inode > 0)
  return rest
}
