/** Calls of protocols as Prometheus is told of them, from tallies that are kept without it. */
import { Counter, type Histogram, type Metric } from 'prom-client'
import { type CallTally, LATENCY_BOUNDS, type ProcedureTally } from '../platform/metrics.ts'

export function callMetrics(prefix: string, calls: CallTally): readonly Metric[] {
  const count = new Counter({
    name: `${prefix}calls_total`,
    help: 'Calls answered, by the status that the protocol has for it; 0 is success.',
    labelNames: ['program', 'procedure', 'status'],
    registers: [],
    collect() {
      this.reset()
      for (const tally of calls.all()) {
        const { program, procedure } = tally
        for (const [status, n] of tally.statuses()) this.inc({ program, procedure, status }, n)
      }
    },
  })
  return [count, latencies(`${prefix}call_duration_seconds`, calls)]
}

interface Sample {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** prom-client's own histogram wants to be told of every call; the registry only asks for this. */
function latencies(name: string, calls: CallTally): Histogram {
  const help = 'Time from a call to its reply.'
  const get = async () => {
    const values = [...calls.all()].flatMap((tally) => samples(name, tally))
    return { name, help, type: 'histogram', aggregator: 'sum', values }
  }
  return { name, get } as unknown as Histogram
}

function samples(name: string, tally: ProcedureTally): readonly Sample[] {
  const { program, procedure } = tally
  const labels = { program, procedure }
  let total = 0
  const buckets = [...tally.latencies].map((n, i) => {
    total += n
    const bound = LATENCY_BOUNDS[i]
    const le = bound === undefined ? '+Inf' : bound / 1e6
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: tally.micros / 1e6 },
    { metricName: `${name}_count`, labels, value: total },
  ]
}
