/** Answers as people read them. */
import type { OptionValues } from './commands.ts'
import { printable } from './printable.ts'

export type Cell = string | number

/** Columns under headings; numbers to the right. */
export function textTable(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [headings, ...rows].map((row) => row.map((cell) => printable(String(cell))))
  const widths = headings.map((_, i) => Math.max(...lines.map((row) => String(row[i]).length)))
  const right = headings.map((_, i) => rows.length > 0 && rows.every((r) => isNumber(r[i])))
  return lines
    .map((row) =>
      row
        .map((cell, i) => aligned(cell, widths[i] as number, right[i] === true))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const isNumber = (cell: Cell | undefined): boolean => typeof cell === 'number'

const aligned = (text: string, width: number, right: boolean): string =>
  right ? text.padStart(width) : text.padEnd(width)

/** One thing: a name and its value on each line. */
export function textPairs(pairs: readonly (readonly [name: string, value: Cell])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length)) + 2
  return pairs
    .map(([name, value]) => `${name.padEnd(width)}${printable(String(value))}`.trimEnd())
    .join('\n')
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

export function textSize(bytes: number): string {
  let [value, unit] = [bytes, 0]
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`
}

export function textDuration(seconds: number): string {
  const whole = Math.floor(seconds)
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'm'],
    [whole % 60, 's'],
  ] as const
  const first = parts.findIndex(([n]) => n > 0)
  if (first < 0) return '0s'
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n}${unit}`)
    .join(' ')
}

/** What the API answered, for scripts or for people. */
export function print(values: OptionValues, answer: unknown, text: string): void {
  process.stdout.write(`${values['json'] === true ? JSON.stringify(answer) : text}\n`)
}
