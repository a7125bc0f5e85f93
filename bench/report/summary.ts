import type { BenchCase } from '../cases.ts'
import type { Measurement } from '../load/generator.ts'
import type { MachineFacts } from './machine-facts.ts'

/** Medians over the runs of one case against one server. */
export interface Summary {
  readonly perSecond: number
  readonly megabytesPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly serverCpuPer100k: number
  readonly generatorCores: number
  readonly otherCores: number
  readonly rssMiB: number
}

export interface CaseReport {
  readonly case: BenchCase
  /** By the peer's name. */
  readonly servers: Readonly<
    Record<string, { readonly median: Summary; readonly runs: readonly Measurement[] }>
  >
  /** Ours to Ganesha's, in operations per second; undefined unless both were measured. */
  readonly ratio: number | undefined
}

export interface Report {
  readonly startedAt: string
  readonly facts: MachineFacts
  readonly settings: {
    readonly runs: number
    readonly warmUpSeconds: number
    readonly seconds: number
  }
  readonly servers: Readonly<Record<string, { readonly title: string; readonly version: string }>>
  readonly cases: readonly CaseReport[]
}

export function caseReport(
  one: BenchCase,
  runs: ReadonlyMap<string, readonly Measurement[]>,
): CaseReport {
  const servers = Object.fromEntries(
    [...runs].map(([name, list]) => [name, { median: summaryOf(list), runs: list }]),
  )
  const rateOf = (name: string) => servers[name]?.median.perSecond
  const [ours, theirs] = [rateOf('dfs'), rateOf('ganesha')]
  const ratio = ours === undefined || theirs === undefined ? undefined : ours / theirs
  return { case: one, servers, ratio }
}

function summaryOf(runs: readonly Measurement[]): Summary {
  const of = (value: (run: Measurement) => number) => median(runs.map(value))
  return {
    perSecond: of((run) => run.perSecond),
    megabytesPerSecond: of((run) => run.megabytesPerSecond),
    p50Ms: of((run) => run.p50Ms),
    p99Ms: of((run) => run.p99Ms),
    p999Ms: of((run) => run.p999Ms),
    serverCpuPer100k: of((run) => (run.serverCpuSeconds / run.operations) * 100_000),
    generatorCores: of((run) => run.generatorCpuSeconds / run.seconds),
    otherCores: of((run) => run.otherCpuSeconds / run.seconds),
    rssMiB: of((run) => run.serverMemory.rssMiB),
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}
