import { milliseconds, ratioText, shape, significant, throughput } from './figures.ts'
import type { CaseReport, Report, Summary } from './summary.ts'

/** Cores' worth of CPU that ran beside the measurement from which on it is pointed out. */
const DISTURBED = 0.25

type Cell = (one: CaseReport) => string

/** The report as text: one row per case, what each server did in columns. */
export function table(report: Report): string {
  const names = Object.keys(report.servers)
  const columns: [header: string, cell: Cell][] = [
    ['case', (one) => one.case.name],
    ['load', (one) => shape(one.case)],
    ...names.map((name): [string, Cell] => [
      titleOf(report, name),
      of(name, (median, one) => throughput(one.case, median)),
    ]),
  ]
  if (names.includes('dfs') && names.includes('ganesha')) {
    columns.push(
      ['ratio', (one) => (one.ratio === undefined ? '' : ratioText(one.ratio))],
      ['target', (one) => ratioText(one.case.target)],
      ['', verdict],
    )
  }
  columns.push(
    ['p99 ms', each(names, (median) => milliseconds(median.p99Ms))],
    ['CPU s/100k', each(names, (median) => significant(median.serverCpuPer100k))],
    ['RSS MiB', each(names, (median) => String(Math.round(median.rssMiB)))],
  )
  const rows = [
    columns.map(([header]) => header),
    ...report.cases.map((one) => columns.map(([, cell]) => cell(one))),
  ]
  return [align(rows), ...remarks(report)].join('\n')
}

function titleOf(report: Report, name: string): string {
  return report.servers[name]?.title ?? name
}

function of(name: string, cell: (median: Summary, one: CaseReport) => string): Cell {
  return (one) => {
    const median = one.servers[name]?.median
    return median === undefined ? '' : cell(median, one)
  }
}

/** One figure per server, in the order of their columns. */
function each(names: readonly string[], figure: (median: Summary) => string): Cell {
  const cells = names.map((name) => of(name, figure))
  return (one) => cells.map((cell) => cell(one)).join(' : ')
}

function verdict(one: CaseReport): string {
  if (one.ratio === undefined) return ''
  return one.ratio >= one.case.target ? 'met' : 'MISSED'
}

function remarks(report: Report): string[] {
  const { facts, settings } = report
  const lines = [
    '',
    `${facts.cpu}, ${facts.cores} cores, ${facts.kernel}, Node ${facts.node}, ` +
      `${facts.fileSystem}, fdatasync ${milliseconds(facts.fdatasyncMs.median)} ms (p99 ` +
      `${milliseconds(facts.fdatasyncMs.p99)} ms)`,
    `medians of ${settings.runs}, ${settings.seconds} s each after ${settings.warmUpSeconds} s`,
  ]
  for (const one of report.cases) {
    for (const [name, { median }] of Object.entries(one.servers)) {
      if (median.otherCores < DISTURBED) continue
      const cores = median.otherCores.toFixed(2)
      lines.push(`${one.case.name}, ${titleOf(report, name)}: ${cores} cores were busy otherwise`)
    }
  }
  return lines
}

function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0
          return column < 2 ? cell.padEnd(width) : cell.padStart(width)
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
