import { type Event, type EventType, eventSpecs } from './events.ts'
import { type FieldKind, integer, JournalFormatError, packers, unpackers } from './fields.ts'
import { type Upcast, upcasts } from './upcasts.ts'

interface EventCodec {
  readonly type: EventType
  readonly version: number
  readonly size: number
  readonly lift: Readonly<Record<number, Upcast>>
  readonly pack: (event: Event) => unknown[]
  readonly unpack: (fields: readonly unknown[]) => Event
}

const codecs = Object.entries(eventSpecs).map(([type, { code, version, fields }]) => {
  const entries = Object.entries(fields) as [string, FieldKind][]
  const codec: EventCodec = {
    type: type as EventType,
    version,
    size: entries.length,
    lift: upcasts[type as EventType] ?? {},
    pack: packer(code, version, entries),
    unpack: unpacker(type, entries),
  }
  return [code, codec] as const
})
const byType = new Map<string, EventCodec>(codecs.map(([, codec]) => [codec.type, codec]))
const byCode = new Map<number, EventCodec>(codecs)

// Packing stands in the way of every change and unpacking in the way of every rebuild, so both are
// compiled from the table to straight-line source, as the wire's codecs are.

function packer(code: number, version: number, fields: [string, FieldKind][]): EventCodec['pack'] {
  const items = fields.map(([name, kind]) =>
    packers[kind] ? `k[${JSON.stringify(kind)}](e.${name})` : `e.${name}`,
  )
  const source = `return function packEvent(e){return [${[code, version, ...items].join(',')}]}`
  return new Function('k', source)(packers) as EventCodec['pack']
}

function unpacker(type: string, fields: [string, FieldKind][]): EventCodec['unpack'] {
  const items = fields.map(
    ([name, kind], i) => `${name}:k[${JSON.stringify(kind)}](v[${i}],"${type}.${name}")`,
  )
  const source = `return function unpackEvent(v){return {type:"${type}",${items.join(',')}}}`
  return new Function('k', source)(unpackers) as EventCodec['unpack']
}

/** An event in the journal is the array `[code, version, ...fields]`. */
export function packEvent(event: Event): unknown[] {
  const codec = byType.get(event.type)
  if (codec === undefined) throw new TypeError(`no such event: ${event.type}`)
  return codec.pack(event)
}

/** The inverse, for any version ever written. Throws JournalFormatError. */
export function unpackEvent(packed: unknown): Event {
  if (!Array.isArray(packed)) throw new JournalFormatError('event: array expected')
  const code = integer(packed[0], 'event code')
  const codec = byCode.get(code)
  if (codec === undefined) {
    throw new JournalFormatError(`event code ${code} is not known: written by a newer version?`)
  }
  let fields: readonly unknown[] = packed.slice(2)
  for (let v = integer(packed[1], `${codec.type} version`); v !== codec.version; v++) {
    const step = codec.lift[v]
    if (step === undefined) throw new JournalFormatError(`${codec.type} version ${v} is not known`)
    fields = step(fields)
  }
  if (fields.length !== codec.size) {
    throw new JournalFormatError(`${codec.type}: ${fields.length} fields, not ${codec.size}`)
  }
  return codec.unpack(fields)
}
