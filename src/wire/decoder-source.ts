import type { Node, Primitive, SequenceNode, UnionNode } from './schema.ts'
import { identifier, joinSteps, leastSize, Scope, type Step, unreachable } from './source.ts'

/** Source of `return function decode_NAME(r)`. */
export function decoderSource(node: Node, name: string): string {
  const scope = new Scope()
  const body = bodyOf(node, scope)
  const functions = scope.functions.join('\n')
  return `"use strict";\n${functions}\nreturn function decode_${name}(r){${body}}`
}

const claim = (size: number): string => `p=r.take(${size});`

function bodyOf(node: Node, scope: Scope, extra = ''): string {
  const steps: Step[] = []
  const tail: string[] = []
  const value =
    node.kind === 'struct'
      ? structOf(node, scope, steps, tail, extra)
      : read(node, scope, steps, tail)
  return `const d=r.view;let p=0;${joinSteps(steps, claim)}${tail.join('')}return ${value}`
}

/** Appends the steps that read `node` and returns the expression of its value. */
function read(node: Node, scope: Scope, steps: Step[], tail: string[]): string {
  switch (node.kind) {
    case 'opaque':
    case 'byteString':
    case 'text':
      return statement(steps, scope, `r.${node.kind}(${node.max})`)
    case 'varuint':
    case 'varstring':
      return statement(steps, scope, `r.${node.kind}()`)
    case 'fixed':
      return statement(steps, scope, `r.fixed(${node.size})`)
    case 'raw':
      return raw(node.size, scope, steps)
    case 'referred':
      return referred(node, scope, steps, tail)
    case 'enum':
      return enumOf(node, scope, steps)
    case 'bool':
      return bool(scope, steps)
    case 'struct':
      return structOf(node, scope, steps, tail, '')
    case 'array':
      return statement(steps, scope, `${arrayFunction(node, scope)}(r)`)
    case 'list':
      return statement(steps, scope, `${listFunction(node, scope)}(r)`)
    case 'optional':
      return statement(steps, scope, `(r.bool()?${hoist(node.of.node, scope)}(r):undefined)`)
    case 'union':
      return statement(steps, scope, `${unionFunction(node, scope)}(r)`)
    default:
      return primitive(node.kind, scope, steps)
  }
}

function statement(steps: Step[], scope: Scope, expression: string): string {
  const v = scope.fresh('v')
  steps.push(`const ${v}=${expression};`)
  return v
}

/** RFC 4506 section 4.4: an enumeration of 0 and 1, and nothing else. */
function bool(scope: Scope, steps: Step[]): string {
  const v = scope.fresh('v')
  steps.push({
    size: 4,
    at: (o) => `const ${v}=d.getUint32(p+${o});`,
    check: `if(${v}>1)throw r.badTag('bool',${v});`,
  })
  return `(${v}===1)`
}

function primitive(kind: Exclude<Primitive, 'bool'>, scope: Scope, steps: Step[]): string {
  const v = scope.fresh('v')
  const [size, get] = getter(kind)
  steps.push({ size, at: (offset) => `const ${v}=${get(offset)};` })
  return v
}

function getter(kind: Exclude<Primitive, 'bool'>): [number, (offset: number) => string] {
  switch (kind) {
    case 'u32':
      return [4, (o) => `d.getUint32(p+${o})`]
    case 'i32':
      return [4, (o) => `d.getInt32(p+${o})`]
    case 'u64':
      return [8, (o) => `d.getBigUint64(p+${o})`]
    case 'uint53':
      return [8, (o) => `d.getUint32(p+${o})*4294967296+d.getUint32(p+${o + 4})`]
    case 'u8':
      return [1, (o) => `d.getUint8(p+${o})`]
    case 'u16le':
      return [2, (o) => `d.getUint16(p+${o},true)`]
    case 'u32le':
      return [4, (o) => `d.getUint32(p+${o},true)`]
    case 'u64le':
      return [8, (o) => `d.getBigUint64(p+${o},true)`]
    case 'uint53le':
      return [8, (o) => `d.getUint32(p+${o + 4},true)*4294967296+d.getUint32(p+${o},true)`]
    default:
      return unreachable(kind)
  }
}

function raw(size: number, scope: Scope, steps: Step[]): string {
  const v = scope.fresh('v')
  steps.push({ size, at: (o) => `const ${v}=r.bytes.subarray(p+${o},p+${o + size});` })
  return v
}

const INTEGER = { 1: 'getUint8', 2: 'getUint16', 4: 'getUint32' } as const

function referred(
  node: Extract<Node, { kind: 'referred' }>,
  scope: Scope,
  steps: Step[],
  tail: string[],
): string {
  const { offset, length, gap = 0 } = node.at
  const [o, n, v] = [scope.fresh('o'), scope.fresh('n'), scope.fresh('v')]
  const second = offset + gap
  steps.push({
    size: second + length,
    at: (at) =>
      `const ${o}=d.${INTEGER[offset]}(p+${at},true),` +
      `${n}=d.${INTEGER[length]}(p+${at + second},true);`,
  })
  // What is referred to may only lie behind the fixed part, so it is fetched when that is read.
  tail.push(`const ${v}=r.referred(${o},${n},${node.max});`)
  return v
}

function enumOf(node: Extract<Node, { kind: 'enum' }>, scope: Scope, steps: Step[]): string {
  const v = scope.fresh('v')
  const allowed = Object.values(node.members)
  const miss = allowed.map((n) => `${v}!==${Number(n)}`).join('&&')
  steps.push({
    size: 4,
    at: (o) => `const ${v}=d.getUint32(p+${o});`,
    check: `if(${miss})throw r.badTag('${identifier(node.name)}',${v});`,
  })
  return v
}

function structOf(
  node: Extract<Node, { kind: 'struct' }>,
  scope: Scope,
  steps: Step[],
  tail: string[],
  extra: string,
): string {
  const fields = Object.entries(node.fields).map(
    ([key, field]) => `${identifier(key)}:${read(field.node, scope, steps, tail)}`,
  )
  return `{${[...(extra ? [extra] : []), ...fields].join(',')}}`
}

function hoist(node: Node, scope: Scope, extra = ''): string {
  const name = scope.fresh('f')
  scope.functions.push(`function ${name}(r){${bodyOf(node, scope, extra)}}`)
  return name
}

function arrayFunction(node: SequenceNode, scope: Scope): string {
  const element = hoist(node.of.node, scope)
  const name = scope.fresh('f')
  // A count that the message cannot hold is refused before anything is allocated for it.
  const fits = leastSize(node.of.node)
  const check = fits > 0 ? `if(n*${fits}>r.end-r.pos)r.take(n*${fits});` : ''
  scope.functions.push(
    `function ${name}(r){const n=r.count(${node.max});${check}const a=[];` +
      `for(let i=0;i<n;i++)a.push(${element}(r));return a}`,
  )
  return name
}

function listFunction(node: SequenceNode, scope: Scope): string {
  const element = hoist(node.of.node, scope)
  const name = scope.fresh('f')
  scope.functions.push(
    `function ${name}(r){const a=[];while(r.bool()){` +
      `if(a.length===${node.max})throw r.badTag('list',a.length);` +
      `a.push(${element}(r))}return a}`,
  )
  return name
}

function unionFunction(node: UnionNode, scope: Scope): string {
  const tag = identifier(node.tag)
  const arms = Object.entries(node.arms).map(([value, arm]) => {
    const f = hoist(arm.node, scope, `${tag}:${Number(value)}`)
    return `case ${Number(value)}:return ${f}(r);`
  })
  const name = scope.fresh('f')
  scope.functions.push(
    `function ${name}(r){const t=r.u32();switch(t){${arms.join('')}` +
      `default:${otherwise(node, tag, scope)}}}`,
  )
  return name
}

function otherwise(node: UnionNode, tag: string, scope: Scope): string {
  const refuse = `throw r.badTag('${identifier(node.name)}',t)`
  if (node.otherwise === undefined) return refuse
  const known = Object.values(node.members).filter((value) => !(value in node.arms))
  if (known.length === 0) return refuse
  const arm = node.otherwise.node
  if (arm.kind !== 'struct') throw new TypeError(`${node.name}: arms are structs`)
  const f = scope.fresh('f')
  const steps: Step[] = []
  const tail: string[] = []
  const value = structOf(arm, scope, steps, tail, `${tag}:t`)
  const body = `const d=r.view;let p=0;${joinSteps(steps, claim)}${tail.join('')}return ${value}`
  scope.functions.push(`function ${f}(r,t){${body}}`)
  const miss = known.map((n) => `t!==${Number(n)}`).join('&&')
  return `if(${miss})${refuse};return ${f}(r,t)`
}
