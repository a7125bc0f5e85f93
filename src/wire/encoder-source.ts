import type { Node, Primitive, SequenceNode, UnionNode } from './schema.ts'
import { identifier, joinSteps, Scope, type Step, unreachable } from './source.ts'

/** Source of `return function encode_NAME(w,v)`. */
export function encoderSource(node: Node, name: string): string {
  const scope = new Scope()
  const body = bodyOf(node, scope)
  const functions = scope.functions.join('\n')
  return `"use strict";\n${functions}\nreturn function encode_${name}(w,v){${body}}`
}

// The view is fetched behind every claim, since claiming may move the buffer.
const claim = (size: number): string => `p=w.take(${size});d=w.view;`

function bodyOf(node: Node, scope: Scope): string {
  const steps: Step[] = []
  const tail: string[] = []
  write(node, 'v', scope, steps, tail)
  return `let p=0,d=w.view;${joinSteps(steps, claim)}${tail.join('')}`
}

/** Appends the steps that write the value of expression `v`. */
function write(node: Node, v: string, scope: Scope, steps: Step[], tail: string[]): void {
  switch (node.kind) {
    case 'opaque':
    case 'byteString':
    case 'text':
      steps.push(`w.${node.kind}(${v},${node.max});`)
      return
    case 'varuint':
    case 'varstring':
      steps.push(`w.${node.kind}(${v});`)
      return
    case 'fixed':
    case 'raw':
      steps.push(`w.${node.kind}(${v},${node.size});`)
      return
    case 'referred':
      referred(node, v, scope, steps, tail)
      return
    case 'enum':
      steps.push({ size: 4, at: (o) => `d.setUint32(p+${o},${v});` })
      return
    case 'struct':
      for (const [key, field] of Object.entries(node.fields)) {
        write(field.node, `${v}.${identifier(key)}`, scope, steps, tail)
      }
      return
    case 'array':
    case 'list':
      steps.push(`${sequenceFunction(node, scope)}(w,${v});`)
      return
    case 'optional':
      steps.push(
        `if(${v}===undefined)w.u32(0);else{w.u32(1);${hoist(node.of.node, scope)}(w,${v})}`,
      )
      return
    case 'union':
      steps.push(`${unionFunction(node, scope)}(w,${v});`)
      return
    default:
      steps.push(primitive(node.kind, v))
  }
}

function primitive(kind: Primitive, v: string): Step {
  switch (kind) {
    case 'u32':
      return { size: 4, at: (o) => `d.setUint32(p+${o},${v});` }
    case 'i32':
      return { size: 4, at: (o) => `d.setInt32(p+${o},${v});` }
    case 'bool':
      return { size: 4, at: (o) => `d.setUint32(p+${o},${v}?1:0);` }
    case 'u64':
      return { size: 8, at: (o) => `d.setBigUint64(p+${o},${v});` }
    case 'uint53':
      // setUint32 takes its argument modulo 2^32.
      return {
        size: 8,
        at: (o) => `d.setUint32(p+${o},${v}/4294967296);d.setUint32(p+${o + 4},${v});`,
      }
    case 'u8':
      return { size: 1, at: (o) => `d.setUint8(p+${o},${v});` }
    case 'u16le':
      return { size: 2, at: (o) => `d.setUint16(p+${o},${v},true);` }
    case 'u32le':
      return { size: 4, at: (o) => `d.setUint32(p+${o},${v},true);` }
    case 'u64le':
      return { size: 8, at: (o) => `d.setBigUint64(p+${o},${v},true);` }
    case 'uint53le':
      return {
        size: 8,
        at: (o) => `d.setUint32(p+${o},${v},true);d.setUint32(p+${o + 4},${v}/4294967296,true);`,
      }
    default:
      return unreachable(kind)
  }
}

const INTEGER = { 1: 'setUint8', 2: 'setUint16', 4: 'setUint32' } as const

function referred(
  node: Extract<Node, { kind: 'referred' }>,
  v: string,
  scope: Scope,
  steps: Step[],
  tail: string[],
): void {
  const { offset, length, gap = 0, align = 1 } = node.at
  const q = scope.fresh('q')
  const second = offset + gap
  steps.push({
    size: second + length,
    at: (o) => `const ${q}=p+${o};w.bytes.fill(0,${q},${q}+${second + length});`,
  })
  const o = scope.fresh('o')
  tail.push(
    `const ${o}=w.refer(${v},${node.max},${align});` +
      `w.view.${INTEGER[offset]}(${q},${o},true);` +
      `w.view.${INTEGER[length]}(${q}+${second},${v}.length,true);`,
  )
}

function hoist(node: Node, scope: Scope): string {
  const name = scope.fresh('f')
  scope.functions.push(`function ${name}(w,v){${bodyOf(node, scope)}}`)
  return name
}

function sequenceFunction(node: SequenceNode, scope: Scope): string {
  const element = hoist(node.of.node, scope)
  const name = scope.fresh('f')
  scope.functions.push(
    node.kind === 'array'
      ? `function ${name}(w,v){const n=v.length;w.count(n,${node.max});` +
          `for(let i=0;i<n;i++)${element}(w,v[i])}`
      : `function ${name}(w,v){const n=v.length;if(n>${node.max})throw w.badTag('list',n);` +
          `for(let i=0;i<n;i++){w.u32(1);${element}(w,v[i])}w.u32(0)}`,
  )
  return name
}

function unionFunction(node: UnionNode, scope: Scope): string {
  const t = `v.${identifier(node.tag)}`
  const arms = Object.entries(node.arms).map(([value, arm]) => {
    return `case ${Number(value)}:${hoist(arm.node, scope)}(w,v);break;`
  })
  const otherwise = node.otherwise
    ? `${hoist(node.otherwise.node, scope)}(w,v)`
    : `throw w.badTag('${identifier(node.name)}',${t})`
  const name = scope.fresh('f')
  scope.functions.push(
    `function ${name}(w,v){w.u32(${t});switch(${t}){${arms.join('')}default:${otherwise}}}`,
  )
  return name
}
