/** What a server holds on behalf of clients, before and after they have misbehaved. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerProcess } from '../server-process.ts'

const MiB = 1 << 20
/** A server that does this much work keeps some of it in caches; it must not keep all. */
const GROWTH_MAX = 250 * MiB
/** Files that it opens for itself meanwhile: segments, its journal. */
const FILES_MAX = 8
/** How long connections may take to be found closed. */
const PATIENCE_MILLIS = 10_000

export interface Holdings {
  readonly memory: number
  readonly files: number
  readonly connections: number
}

export async function holdingsOf(server: ServerProcess): Promise<Holdings> {
  const metrics = await server.metrics()
  return {
    memory: server.residentMemory(),
    files: readdirSync(`/proc/${server.pid}/fd`).length,
    connections: metrics.get('dittofs_connections') ?? assert.fail('no such metric'),
  }
}

const idle = [
  'dittofs_calls_under_way',
  'dittofs_paused_connections',
  'dittofs_pressure',
  'dittofs_backlog_records',
  'dittofs_staging_bytes',
] as const

/** Memory, descriptors and connections are what they were, and nothing is under way. */
export async function assertNothingLeft(server: ServerProcess, before: Holdings): Promise<void> {
  const deadline = performance.now() + PATIENCE_MILLIS
  for (;;) {
    const metrics = await server.metrics()
    const now = await holdingsOf(server)
    const left = idle.filter((name) => metrics.get(name) !== 0) as string[]
    if (now.connections > before.connections) left.push(`${now.connections} connections`)
    if (now.files > before.files + FILES_MAX) left.push(`${now.files} files, not ${before.files}`)
    const growth = now.memory - before.memory
    if (growth > GROWTH_MAX) left.push(`${Math.round(growth / MiB)} MiB more than before`)
    if (left.length === 0) return
    if (performance.now() > deadline) assert.fail(`left behind: ${left.join(', ')}`)
    await sleep(100)
  }
}
