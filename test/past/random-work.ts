/** Random work on a tree, and what a tree is as text: for what must bring the past back exactly. */
import { createHash } from 'node:crypto'
import { SYSTEM } from '../../src/auth/principal.ts'
import type { Command } from '../../src/commands/deciders.ts'
import type { Engine } from '../../src/commands/engine.ts'
import { noAttributes } from '../../src/commands/tree/new-object.ts'
import type { Origin } from '../../src/journal/record.ts'
import { FIRST_COOKIE, fileKind, type Inode, ROOT_INO } from '../../src/projections/inode.ts'
import type { TreeView } from '../../src/projections/tree-view.ts'
import type { SeededRandom } from '../seeded-random.ts'

const SHARE = 1

interface Found {
  readonly dir: number
  readonly name: string
  readonly ino: number
  readonly kind: number
}

function* entriesOf(view: TreeView, dir = ROOT_INO): Iterable<Found> {
  for (const [, { name, ino }] of view.list(dir, FIRST_COOKIE)) {
    const kind = view.inode(ino)?.kind ?? 0
    yield { dir, name, ino, kind }
    if (kind === fileKind.directory) yield* entriesOf(view, ino)
  }
}

/** A tree as a client sees it; times only of files, since directories change with their entries. */
export async function textOf(engine: Engine, view: TreeView): Promise<string[]> {
  const paths = new Map<number, string[]>()
  const found: (readonly [path: string, ino: number])[] = []
  const place = (dir: number, prefix: string): void => {
    for (const [, { name, ino }] of view.list(dir, FIRST_COOKIE)) {
      const path = `${prefix}/${name}`
      found.push([path, ino])
      paths.set(ino, [...(paths.get(ino) ?? []), path])
      if (view.inode(ino)?.kind === fileKind.directory) place(ino, path)
    }
  }
  place(ROOT_INO, '')
  const lines: string[] = []
  for (const [path, ino] of found) {
    const inode = view.inode(ino)
    if (inode === undefined) throw new Error(`${path} has no inode`)
    const { kind, mode, uid, nlink, target, mtimeSec, mtimeNsec } = inode
    const names = kind === fileKind.directory ? [] : (paths.get(ino) as string[]).sort()
    const rest =
      kind === fileKind.directory ? '' : `${nlink} ${names.join('=')} ${mtimeSec}.${mtimeNsec}`
    const content = kind === fileKind.regular ? await digestOf(engine, view, inode) : target
    lines.push(`${path} ${kind} ${mode.toString(8)} ${uid} ${rest} ${content}`)
  }
  return lines.sort()
}

async function digestOf(engine: Engine, view: TreeView, inode: Inode): Promise<string> {
  const { size } = inode
  const parts = size === 0 ? [] : await engine.content.read(view, inode, undefined, 0, size)
  const bytes = Buffer.concat(parts.map((p) => (typeof p === 'number' ? Buffer.alloc(p) : p)))
  return `${size}:${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`
}

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']

/** Does `count` things that may or may not be possible. */
export async function work(
  engine: Engine,
  random: SeededRandom,
  count: number,
  origin: Origin,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const found = [...entriesOf(engine.world.live(SHARE))]
    await act(engine, random, found, origin)
  }
}

async function act(
  engine: Engine,
  random: SeededRandom,
  found: readonly Found[],
  origin: Origin,
): Promise<void> {
  const pick = <T>(from: readonly T[]): T | undefined => from[random.below(from.length)]
  const dirs = [ROOT_INO, ...found.filter((f) => f.kind === fileKind.directory).map((f) => f.ino)]
  const dir = pick(dirs) as number
  const name = pick(NAMES) as string
  const one = pick(found)
  const submit = (command: Command) => engine.stream.submit(command, origin, SYSTEM)
  const share = SHARE
  const attributes = noAttributes
  const kind = random.below(12)
  if (kind < 2) submit({ type: 'CreateDirectory', share, dir, name, attributes })
  else if (kind === 2) {
    submit({ type: 'CreateSymlink', share, dir, name, target: `../${name}`, attributes })
  } else if (kind < 5) {
    const new_ = { how: 'guarded', verifier: undefined, attributes, size: undefined } as const
    submit({ type: 'CreateFile', share, dir, name, ...new_ })
  }
  if (one === undefined) return
  const from = { fromDir: one.dir, fromName: one.name }
  if (kind < 8 && kind > 4)
    submit({ type: 'RenameEntry', share, ...from, toDir: dir, toName: name })
  else if (kind === 8) {
    const type = one.kind === fileKind.directory ? 'RemoveDirectory' : 'RemoveFile'
    submit({ type, share, dir: one.dir, name: one.name })
  } else if (kind === 9) submit({ type: 'LinkEntry', share, ino: one.ino, dir, name })
  else if (kind === 10) {
    const none = { uid: undefined, gid: undefined, atime: undefined, guard: undefined } as const
    const mode = 0o600 + random.below(0o100)
    const size =
      one.kind === fileKind.regular && random.chance(0.5) ? random.below(9000) : undefined
    const change = { ...none, mode, size, mtime: undefined }
    await engine.content.settled(share, one.ino)
    submit({ type: 'ChangeAttributes', share, ino: one.ino, ...change })
  } else if (kind === 11 && one.kind === fileKind.regular) {
    const bytes = Buffer.from(random.word().toString(36).repeat(random.between(1, 900)))
    engine.content.write(share, one.ino, random.below(9000), bytes, false, origin, SYSTEM)
    await engine.content.commit(share, one.ino)
  }
}
