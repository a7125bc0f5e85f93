import { type Event, type EventSpec, eventSpecs } from './events.ts'
import { type FieldKind, integer, JournalFormatError, packers, unpackers } from './fields.ts'
import { type Upcast, type Upcasts, upcasts } from './upcasts.ts'

interface EventCodec {
  readonly type: string
  readonly version: number
  readonly size: number
  readonly lift: Readonly<Record<number, Upcast>>
  readonly pack: (event: Event) => unknown[]
  readonly unpack: (fields: readonly unknown[]) => Event
}

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

/** Packs events of one vocabulary, and unpacks them in any version that it ever had. */
export class Vocabulary {
  private readonly byType = new Map<string, EventCodec>()
  private readonly byCode = new Map<number, EventCodec>()

  constructor(specs: Readonly<Record<string, EventSpec>>, steps: Upcasts) {
    for (const [type, { code, version, fields }] of Object.entries(specs)) {
      const lift = steps[type] ?? {}
      for (let v = 1; v < version; v++) {
        if (lift[v] === undefined) throw new TypeError(`${type}: no upcast of version ${v}`)
      }
      const entries = Object.entries(fields)
      const codec: EventCodec = {
        type,
        version,
        size: entries.length,
        lift,
        pack: packer(code, version, entries),
        unpack: unpacker(type, entries),
      }
      this.byType.set(type, codec)
      this.byCode.set(code, codec)
    }
  }

  pack(event: Event): unknown[] {
    const codec = this.byType.get(event.type)
    if (codec === undefined) throw new TypeError(`no such event: ${event.type}`)
    return codec.pack(event)
  }

  unpack(packed: unknown): Event {
    if (!Array.isArray(packed)) throw new JournalFormatError('event: array expected')
    const code = integer(packed[0], 'event code')
    const codec = this.byCode.get(code)
    if (codec === undefined) {
      throw new JournalFormatError(`event code ${code} is not known: written by a newer version?`)
    }
    const { type, version, size, lift } = codec
    let fields: readonly unknown[] = packed.slice(2)
    for (let v = integer(packed[1], `${type} version`); v !== version; v++) {
      const step = lift[v]
      if (step === undefined) throw new JournalFormatError(`${type} version ${v} is not known`)
      fields = step(fields)
    }
    if (fields.length !== size) {
      throw new JournalFormatError(`${type}: ${fields.length} fields, not ${size}`)
    }
    return codec.unpack(fields)
  }
}

const vocabulary = new Vocabulary(eventSpecs, upcasts)

/** An event in the journal is the array `[code, version, ...fields]`. */
export const packEvent = (event: Event): unknown[] => vocabulary.pack(event)

/** The inverse, for any version ever written. Throws JournalFormatError. */
export const unpackEvent = (packed: unknown): Event => vocabulary.unpack(packed)
