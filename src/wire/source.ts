import type { Node } from './schema.ts'

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/

/** A name that may stand in generated source, or a TypeError: schemas are ours, so it is a bug. */
export function identifier(name: string): string {
  if (!IDENTIFIER.test(name)) throw new TypeError(`not an identifier: ${name}`)
  return name
}

export function unreachable(x: never): never {
  throw new TypeError(`unreachable: ${JSON.stringify(x)}`)
}

/** One step of a function body: a part of a run of fixed-size fields, or anything else. */
export type Step =
  | { readonly size: number; readonly at: (offset: number) => string; readonly check?: string }
  | string

/** Hands out names and collects the functions that bodies are hoisted into. */
export class Scope {
  readonly functions: string[] = []
  private next = 0

  fresh(prefix: string): string {
    this.next += 1
    return `${prefix}${this.next}`
  }
}

/** Joins the steps of a body: each run of fixed-size fields claims its bytes once. */
export function joinSteps(steps: readonly Step[], claim: (size: number) => string): string {
  let source = ''
  let i = 0
  while (i < steps.length) {
    const step = steps[i]
    if (typeof step === 'string') {
      source += step
      i += 1
      continue
    }
    let size = 0
    let fields = ''
    let checks = ''
    for (; i < steps.length; i++) {
      const field = steps[i]
      if (field === undefined || typeof field === 'string') break
      fields += field.at(size)
      checks += field.check ?? ''
      size += field.size
    }
    source += claim(size) + fields + checks
  }
  return source
}

/** The least number of bytes a value of this type takes: what a count from the wire must fit. */
export function leastSize(node: Node): number {
  switch (node.kind) {
    case 'u8':
    case 'varuint':
    case 'varstring':
      return 1
    case 'u16le':
      return 2
    case 'u32':
    case 'i32':
    case 'bool':
    case 'enum':
    case 'u32le':
    case 'opaque':
    case 'byteString':
    case 'text':
    case 'array':
    case 'list':
    case 'optional':
      return 4
    case 'u64':
    case 'uint53':
    case 'u64le':
    case 'uint53le':
      return 8
    case 'fixed':
      return (node.size + 3) & ~3
    case 'raw':
      return node.size
    case 'referred':
      return node.at.offset + (node.at.gap ?? 0) + node.at.length
    case 'struct':
      return Object.values(node.fields).reduce((sum, field) => sum + leastSize(field.node), 0)
    case 'union': {
      const arms = [...Object.values(node.arms), ...(node.otherwise ? [node.otherwise] : [])]
      return 4 + Math.min(...arms.map((arm) => leastSize(arm.node)))
    }
    default:
      return unreachable(node)
  }
}
