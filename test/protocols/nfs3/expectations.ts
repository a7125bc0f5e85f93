/** What tests say about results and attributes, by the names that RFC 1813 has for them. */
import assert from 'node:assert/strict'
import { type fattr3, nfsstat3, type wcc_data } from '../../../src/protocols/nfs3/wire-types.ts'
import { nameOf } from '../../client/rpc-error.ts'
import type { Session } from '../session.ts'

export type StatusName = keyof typeof nfsstat3

export const statusName = ({ status }: { readonly status: number }): StatusName =>
  nameOf(nfsstat3, status) as StatusName

export function assertStatus(
  result: { readonly status: number },
  expected: StatusName,
  about = '',
): void {
  const prefix = about === '' ? '' : `${about}: `
  assert.equal(`${prefix}${statusName(result)}`, `${prefix}${expected}`)
}

type Attribute = keyof fattr3

/** The names of the attributes that differ, in alphabetical order. */
export function changes(before: fattr3, after: fattr3): Attribute[] {
  const names = Object.keys(before) as Attribute[]
  return names.filter((name) => !equal(before[name], after[name])).sort()
}

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

type Time = fattr3['mtime']

/** Negative, zero or positive, as `a` is before, at or after `b`. */
export const compareTimes = (a: Time, b: Time): number =>
  a.seconds - b.seconds || a.nseconds - b.nseconds

/** What an operation changed about an object; changed times must have moved forward. */
export async function changesBy(
  session: Session,
  object: Buffer,
  operation: () => Promise<unknown>,
): Promise<Attribute[]> {
  const before = await session.attributes(object)
  await operation()
  const after = await session.attributes(object)
  const changed = changes(before, after)
  for (const time of ['mtime', 'ctime'] as const) {
    if (changed.includes(time)) {
      assert.ok(compareTimes(after[time], before[time]) > 0, `${time} went back`)
    }
  }
  return changed
}

/** Runs an operation and holds its weak cache consistency data against GETATTR around it. */
export async function withTrueWcc<R>(
  session: Session,
  object: Buffer,
  operation: () => Promise<R>,
  wccOf: (result: R) => wcc_data,
): Promise<R> {
  const { size, mtime, ctime } = await session.attributes(object)
  const result = await operation()
  const { before, after } = wccOf(result)
  assert.deepEqual(before, { size, mtime, ctime }, 'attributes before')
  assert.deepEqual(after, await session.attributes(object), 'attributes after')
  return result
}
