/** A data directory with something of everything in it, and copies of it that are damaged. */
import { cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Checked, DataCheck } from '../../../src/commands/check/data-check.ts'
import { type Finding, noProgress } from '../../../src/commands/check/finding.ts'
import { dataPaths } from '../../../src/commands/data-directory.ts'
import { noAttributes } from '../../../src/commands/tree/new-object.ts'
import type { SeededRandom } from '../../seeded-random.ts'
import { accept, createFile, openEngine, removeFile, SHARE, writeFile } from '../engine-fixture.ts'

export const KINDS = ['journal', 'segments', 'index', 'projections'] as const
export type Kind = (typeof KINDS)[number]

export async function fillDirectory(data: string, random: SeededRandom): Promise<void> {
  const engine = await openEngine(data)
  const { ino: dir } = await accept(engine, {
    type: 'CreateDirectory',
    share: SHARE,
    dir: 1,
    name: 'below',
    attributes: noAttributes,
  })
  for (let i = 0; i < 60; i++) {
    const ino = await createFile(engine, `file-${i}`, i % 3 === 0 ? dir : 1)
    const size = random.pick([0, 700, 5000, 70_000, 200_000])
    if (size > 0) await writeFile(engine, ino, 0, random.bytes(size))
    // Something of the past, and holes.
    if (i % 5 === 0) await writeFile(engine, ino, 300_000, random.bytes(9000))
    if (i % 7 === 0) await removeFile(engine, `file-${i}`, i % 3 === 0 ? dir : 1)
    if (i % 7 === 1)
      await accept(engine, { type: 'LinkEntry', share: SHARE, ino, dir, name: `l${i}` })
  }
  await engine.drain()
  await engine.follower.flush()
  await engine.close()
}

export function filesOf(data: string, kind: Kind): string[] {
  const paths = dataPaths(data)
  if (kind === 'index' || kind === 'projections') return [paths[kind]]
  const dir = paths[kind]
  const names = readdirSync(dir).filter((name) => /\.(mdb|seg)$/.test(name))
  return names.sort().map((name) => join(dir, name))
}

export interface Damage {
  readonly file: string
  readonly what: string
}

/** Flips a bit, or cuts the file. */
export function damageOne(random: SeededRandom, data: string, kind: Kind): Damage {
  const file = random.pick(filesOf(data, kind))
  const { size } = statSync(file)
  if (random.chance(0.2)) {
    const length = random.below(size)
    truncateSync(file, length)
    return { file, what: `cut from ${size} to ${length}` }
  }
  const bytes = readFileSync(file)
  let at = random.below(size)
  // Most of a young file is zeros that nobody reads.
  for (let i = 0; i < 50 && bytes[at] === 0; i++) at = random.below(size)
  const bit = random.below(8)
  bytes[at] = (bytes[at] as number) ^ (1 << bit)
  writeFileSync(file, bytes)
  return { file, what: `bit ${bit} of byte ${at} flipped` }
}

export function copyDirectory(from: string, to: string): string {
  cpSync(from, to, { recursive: true })
  return to
}

export interface Run extends Checked {
  readonly found: readonly Finding[]
}

export async function check(data: string, repair = false): Promise<Run> {
  const found: Finding[] = []
  const onFinding = (finding: Finding) => found.push(finding)
  const options = { paths: dataPaths(data), repair, scratch: data, progress: noProgress }
  return { ...(await new DataCheck({ ...options, onFinding }).run()), found }
}
