/**
 * The load generator, a process of its own: `generator.ts JOB`, a JSON object. Prepares a working
 * set, runs cases on it one after the other, and prints one line of JSON for each.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type BenchCase, caseNamed, type WorkingSet } from '../cases.ts'
import type { Address } from '../peers/peer.ts'
import { type CaseLoad, loadOf, prepare } from './case-load.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import { LoadConnection } from './load-connection.ts'
import {
  cpuSecondsOf,
  type Memory,
  machineCpuSeconds,
  memoryOf,
  ownCpuSeconds,
} from './process-usage.ts'
import { FailureTally } from './reply-verdict.ts'
import { openWorkplace } from './working-set.ts'

export interface Job {
  readonly nfs: Address
  readonly mount: Address
  readonly exportPath: string
  readonly serverPid: number
  readonly set: WorkingSet
  readonly cases: readonly string[]
  readonly warmUpSeconds: number
  readonly seconds: number
}

export interface Measurement {
  readonly case: string
  readonly operations: number
  readonly seconds: number
  readonly perSecond: number
  readonly megabytesPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
  readonly serverCpuSeconds: number
  readonly generatorCpuSeconds: number
  /** What ran beside the two, kernel threads included: much of it spoils the measurement. */
  readonly otherCpuSeconds: number
  readonly serverMemory: Memory
}

/** How long a window may go on beyond its end: for the calls in flight, and a COMMIT. */
const GRACE_MS = 120_000
/** A window of passes ends after so many, however short they are. */
const MAX_PASSES = 200

async function measure(job: Job, one: BenchCase, load: CaseLoad): Promise<Measurement> {
  const connections = await Promise.all(
    Array.from({ length: one.connections }, (_, i) =>
      LoadConnection.open(job.nfs, one.inFlight, i),
    ),
  )
  try {
    await window(one, load, connections, job.warmUpSeconds)
    // What the warm-up left to do in the background should not be charged to the window.
    await sleep(200)
    const before = cpuTimes(job.serverPid)
    const { histogram, seconds } = await window(one, load, connections, job.seconds)
    const after = cpuTimes(job.serverPid)
    const perSecond = histogram.count / seconds
    const serverCpuSeconds = after.server - before.server
    const generatorCpuSeconds = after.own - before.own
    const rest = after.machine - before.machine - serverCpuSeconds - generatorCpuSeconds
    return {
      case: one.name,
      operations: histogram.count,
      seconds,
      perSecond,
      megabytesPerSecond: (perSecond * one.bytes) / 1e6,
      p50Ms: histogram.quantile(0.5),
      p99Ms: histogram.quantile(0.99),
      p999Ms: histogram.quantile(0.999),
      maxMs: histogram.max,
      serverCpuSeconds,
      generatorCpuSeconds,
      otherCpuSeconds: Math.max(0, rest),
      serverMemory: memoryOf(job.serverPid),
    }
  } finally {
    for (const connection of connections) connection.close()
  }
}

function cpuTimes(serverPid: number) {
  return {
    server: cpuSecondsOf(serverPid),
    own: ownCpuSeconds(),
    machine: machineCpuSeconds(),
  }
}

interface Window {
  readonly histogram: LatencyHistogram
  readonly seconds: number
}

/** Sends for `seconds`, waits for the last reply and the COMMIT, and fails if any call failed. */
async function window(
  one: BenchCase,
  load: CaseLoad,
  connections: readonly LoadConnection[],
  seconds: number,
): Promise<Window> {
  const histogram = new LatencyHistogram()
  const failures = new FailureTally()
  const end = performance.now() + seconds * 1000
  let elapsedMs = 0
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const sources = (await load.nextPass?.()) ?? load.sources
    const startedAt = performance.now()
    // Passes are whole: they end with their source, not with the window.
    const deadline = load.nextPass ? Number.POSITIVE_INFINITY : end
    const runs = connections.map((connection, i) =>
      connection.run({ source: sources[i]!, histogram, failures, deadline }),
    )
    await within(Promise.all(runs), end - startedAt + GRACE_MS, one.name)
    await load.afterPass?.()
    elapsedMs += performance.now() - startedAt
    failures.throwIfAny(one.name)
    if (!load.nextPass || performance.now() >= end) break
  }
  return { histogram, seconds: elapsedMs / 1000 }
}

async function within(work: Promise<unknown>, ms: number, what: string): Promise<void> {
  const timer = new AbortController()
  const tooLong = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what}: calls are still unanswered after ${Math.round(ms / 1000)} s`)
  })
  try {
    await Promise.race([work, tooLong])
  } finally {
    timer.abort()
    tooLong.catch(() => {})
  }
}

async function main(): Promise<void> {
  const job: Job = JSON.parse(process.argv[2] ?? '')
  const place = await openWorkplace(job, job.exportPath)
  const prepared = await prepare(place, job.set)
  for (const name of job.cases) {
    const one = caseNamed(name)
    const measurement = await measure(job, one, await loadOf(one, prepared))
    console.log(JSON.stringify(measurement))
  }
  await place.rpc.close()
}

if (import.meta.main) await main()
