import { ratioText, shape, throughput } from './figures.ts'
import type { CaseReport, Report } from './summary.ts'

const WIDTH = 960
const LABEL_WIDTH = 300
const FIGURES_WIDTH = 230
const ROW = 30
const BAR = 14
const TOP = 74
const BOTTOM = 56
const PLOT = WIDTH - LABEL_WIDTH - FIGURES_WIDTH

const INK = '#1f2933'
const FAINT = '#7b8794'
const GRID = '#e4e7eb'
const MET = '#2f855a'
const MISSED = '#c05621'

/** The ratios as bars on a logarithmic axis, targets as marks; undefined when there are none. */
export function chart(report: Report): string | undefined {
  const rows = report.cases.filter((one) => one.ratio !== undefined)
  if (rows.length === 0) return undefined
  const height = TOP + rows.length * ROW + BOTTOM
  const axis = axisFor(rows)
  const body = [
    text(20, 30, 'DittoFS and NFS-Ganesha: NFSv3 operations per second', { size: 18, bold: true }),
    text(20, 52, subtitle(report), { fill: FAINT }),
    ...grid(axis, height),
    ...rows.flatMap((one, i) => bar(one, TOP + i * ROW, axis)),
    text(20, height - 16, footnote(report), { fill: FAINT, size: 11 }),
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" \
font-family="system-ui, sans-serif">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
${body.join('\n')}
</svg>
`
}

interface Axis {
  readonly ticks: readonly number[]
  readonly x: (ratio: number) => number
}

/** Powers of two around every ratio and target. */
function axisFor(rows: readonly CaseReport[]): Axis {
  const values = rows.flatMap((one) => [one.ratio ?? 1, one.case.target, 1])
  const low = Math.floor(Math.log2(Math.min(...values)) - 0.1)
  const high = Math.ceil(Math.log2(Math.max(...values)) + 0.1)
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 2 ** (low + i))
  const x = (ratio: number) => LABEL_WIDTH + ((Math.log2(ratio) - low) / (high - low)) * PLOT
  return { ticks, x }
}

function grid({ ticks, x }: Axis, height: number): string[] {
  const bottom = height - BOTTOM + 4
  return ticks.flatMap((tick) => {
    const colour = tick === 1 ? INK : GRID
    const label = tick < 1 ? `1/${1 / tick}×` : `${tick}×`
    return [
      `<line x1="${px(x(tick))}" y1="${TOP - 6}" x2="${px(x(tick))}" y2="${bottom}" \
stroke="${colour}"/>`,
      text(x(tick), bottom + 14, label, { fill: FAINT, size: 11, anchor: 'middle' }),
    ]
  })
}

function bar(one: CaseReport, top: number, { x }: Axis): string[] {
  const ratio = one.ratio ?? 1
  const left = Math.min(x(1), x(ratio))
  const width = Math.max(1, Math.abs(x(ratio) - x(1)))
  const colour = ratio >= one.case.target ? MET : MISSED
  const middle = top + ROW / 2
  const target = x(one.case.target)
  return [
    text(LABEL_WIDTH - 14, middle + 4, `${one.case.title}  ${shape(one.case)}`, { anchor: 'end' }),
    `<rect x="${px(left)}" y="${px(middle - BAR / 2)}" width="${px(width)}" height="${BAR}" rx="2" \
fill="${colour}"><title>${ratioText(ratio)}</title></rect>`,
    `<line x1="${px(target)}" y1="${px(middle - BAR)}" x2="${px(target)}" y2="${px(middle + BAR)}" \
stroke="${INK}" stroke-width="2" stroke-dasharray="3 2"/>`,
    text(WIDTH - FIGURES_WIDTH + 14, middle + 4, ratioText(ratio), { fill: colour, bold: true }),
    text(WIDTH - 20, middle + 4, figures(one), { fill: FAINT, size: 11, anchor: 'end' }),
  ]
}

function figures(one: CaseReport): string {
  const [ours, theirs] = ['dfs', 'ganesha'].map((name) => {
    const median = one.servers[name]?.median
    return median === undefined ? '' : throughput(one.case, median)
  })
  return `${ours} : ${theirs}`
}

function subtitle(report: Report): string {
  const versions = Object.values(report.servers).map(({ title, version }) => `${title} ${version}`)
  const { runs } = report.settings
  return `Ratio of medians of ${runs}, logarithmic; dashed: target. ${versions.join(', ')}`
}

function footnote({ facts, startedAt }: Report): string {
  return [
    facts.cpu,
    `${facts.cores} cores shared by server and load`,
    facts.kernel,
    `Node ${facts.node}`,
    facts.fileSystem,
    `fdatasync ${facts.fdatasyncMs.median.toFixed(2)} ms`,
    startedAt.slice(0, 10),
  ].join(' · ')
}

interface TextStyle {
  readonly fill?: string
  readonly size?: number
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly bold?: boolean
}

function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { fill = INK, size = 13, anchor = 'start', bold = false } = style
  const weight = bold ? ' font-weight="600"' : ''
  return `<text x="${px(x)}" y="${px(y)}" font-size="${size}" fill="${fill}" \
text-anchor="${anchor}"${weight}>${escaped(content)}</text>`
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10)
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
