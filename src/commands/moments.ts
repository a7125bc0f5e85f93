/**
 * Names of moments, as `.history`, the command line and the API take them: a label; a record's
 * sequence number, `@1234`; or a time, `2026-11-23T06:00:00Z`, of which parts may be left out from
 * the right and which may have a fraction and a zone.
 */
import type { Refusal } from '../journal/refusal.ts'
import type { Instant } from '../platform/clock.ts'
import { markedAt, type Share } from '../projections/share.ts'

const LABEL = /^[A-Za-z_][A-Za-z0-9._-]{0,99}$/
const SEQ = /^@?(\d{1,16})$/
const DAY = /(\d{4})-(\d{2})-(\d{2})/.source
const CLOCK = /(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,9}))?)?)?/.source
const ZONE = /(Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?/.source
const TIME = new RegExp(`^${DAY}(?:[T ]${CLOCK}${ZONE})?$`)

export const isLabel = (text: string): boolean => LABEL.test(text)

export type Moment =
  | { readonly kind: 'label'; readonly label: string }
  | { readonly kind: 'seq'; readonly seq: number }
  | { readonly kind: 'time'; readonly at: Instant }

/** undefined: this names no moment. A time without a zone is UTC. */
export function parseMoment(text: string): Moment | undefined {
  if (isLabel(text)) return { kind: 'label', label: text }
  const seq = SEQ.exec(text)
  if (seq !== null) {
    const n = Number(seq[1])
    return Number.isSafeInteger(n) ? { kind: 'seq', seq: n } : undefined
  }
  const at = parseTime(text)
  return at && { kind: 'time', at }
}

function parseTime(text: string): Instant | undefined {
  const match = TIME.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match
    .slice(1, 7)
    .map((part) => Number(part ?? 0)) as [number, number, number, number, number, number]
  const millis = Date.UTC(year, month - 1, day, hour, minute, second)
  // Date.UTC carries what is too large over: a 30th of February is none. Years below 100 are none.
  const date = new Date(millis)
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1) return undefined
  if (date.getUTCDate() !== day || hour > 23) return undefined
  if (minute > 59 || second > 59) return undefined
  const sec = millis / 1000 - zoneSeconds(match[8])
  return sec < 0 ? undefined : { sec, nsec: Number((match[7] ?? '').padEnd(9, '0')) }
}

function zoneSeconds(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0
  const sign = zone.startsWith('-') ? -1 : 1
  const digits = zone.slice(1).replace(':', '')
  return sign * (Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2)) * 60)
}

/** What resolving a moment needs of the journal. */
export interface Times {
  /** The last record that is not later; 0 when all are. */
  lastSeqAt(moment: Instant): Promise<number>
}

/**
 * The record after which a moment is. `now` is the last durable one: what is later has not
 * happened. `horizon`: records before it are forgotten.
 */
export async function resolveMoment(
  moment: Moment,
  share: Share,
  times: Times,
  now: number,
  horizon: number,
): Promise<number | Refusal> {
  const seq = await seqOf(moment, share, times)
  if (seq === undefined || seq > now || seq < firstOf(share)) return 'noEntry'
  return seq < horizon ? 'outOfRetention' : seq
}

/** The first moment of a share, as far as it says: what a fork was before is its base's past. */
export const firstOf = ({ base }: Share): number => base?.seq ?? 1

async function seqOf(moment: Moment, share: Share, times: Times): Promise<number | undefined> {
  switch (moment.kind) {
    case 'label':
      return markedAt(share.labels, moment.label)
    case 'seq':
      return moment.seq
    case 'time':
      return times.lastSeqAt(moment.at)
  }
}

/** A moment as a time that names it again. */
export function timeName({ sec, nsec }: Instant): string {
  const base = new Date(sec * 1000).toISOString().slice(0, 19)
  if (nsec === 0) return `${base}Z`
  return `${base}.${String(nsec).padStart(9, '0').replace(/0+$/, '')}Z`
}
