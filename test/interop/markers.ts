/** The lines by which a guest reports: `@@ ok NAME`, `@@ fail NAME why`, `@@ kill ID` and so on. */

export type Marker =
  | { readonly kind: 'booted' }
  | { readonly kind: 'started' }
  | { readonly kind: 'ok'; readonly name: string }
  | { readonly kind: 'fail'; readonly name: string; readonly why: string }
  | { readonly kind: 'result'; readonly value: Readonly<Record<string, unknown>> }
  | { readonly kind: 'kill'; readonly id: string }
  | { readonly kind: 'kernel'; readonly line: string }
  | { readonly kind: 'done'; readonly status: number }

/** What a kernel prints when a server has misled it, or when it has lost its own way. */
const alarming = new RegExp(
  [
    'readdir loop',
    'fileid changed',
    'I/O error',
    'bad (?:cookie|getattr|inode)',
    'RPC: .*(?:bad|garbage|fragment)',
    '\\bBUG\\b',
    'WARNING:',
    'Oops',
    'Call Trace',
    'hung_task|blocked for more than',
  ].join('|'),
  'i',
)

/** Reads one console line; undefined for a line that is no marker. */
export function parseMarker(line: string): Marker | undefined {
  const [, kind = '', name = '', rest = ''] = /^@@ (\S+)(?: (\S+))?(?: (.*))?$/.exec(line) ?? []
  switch (kind) {
    case 'booted':
    case 'started':
      return { kind }
    case 'ok':
      return { kind, name }
    case 'fail':
      return { kind, name, why: rest || 'no reason given' }
    case 'result':
      return parseResult(line.slice('@@ result '.length))
    case 'kill':
      return { kind, id: name }
    case 'kernel':
      return { kind, line: line.slice('@@ kernel '.length) }
    case 'done':
      return { kind, status: Number(name) }
    default:
      return undefined
  }
}

function parseResult(json: string): Marker {
  try {
    return { kind: 'result', value: JSON.parse(json) }
  } catch {
    return { kind: 'fail', name: 'result', why: `is no JSON: ${json}` }
  }
}

/** What one guest had to say about one scenario. */
export class GuestReport {
  readonly passed: string[] = []
  readonly failures: string[] = []
  readonly results: Record<string, unknown> = {}
  readonly alarms: string[] = []
  status = -1

  add(marker: Marker): void {
    if (marker.kind === 'ok') this.passed.push(marker.name)
    if (marker.kind === 'fail') this.failures.push(`${marker.name}: ${marker.why}`)
    if (marker.kind === 'result') Object.assign(this.results, marker.value)
    if (marker.kind === 'kernel' && alarming.test(marker.line)) this.alarms.push(marker.line)
    if (marker.kind === 'done') this.status = marker.status
  }
}
