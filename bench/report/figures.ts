import type { BenchCase } from '../cases.ts'
import type { Summary } from './summary.ts'

const MiB = 1 << 20

/** What a case is measured in: large transfers in MB/s, all else in operations per second. */
export function throughput(one: BenchCase, summary: Summary): string {
  if (one.bytes >= MiB) return `${Math.round(summary.megabytesPerSecond)} MB/s`
  return `${significant(summary.perSecond)}/s`
}

export function shape(one: BenchCase): string {
  return `${one.connections}×${one.inFlight}`
}

export function ratioText(ratio: number): string {
  return `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(2)}×`
}

export function milliseconds(ms: number): string {
  return ms >= 10 ? ms.toFixed(0) : ms.toPrecision(2)
}

/** Three significant digits, thousands separated. */
export function significant(value: number): string {
  const rounded = value === 0 ? 0 : Number(value.toPrecision(3))
  return rounded.toLocaleString('en-US')
}
