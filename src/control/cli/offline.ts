/** Tools on a data directory that no server is using. */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type DataPaths, dataPaths } from '../../commands/data-directory.ts'
import { lockDataDirectory } from '../../commands/data-lock.ts'
import { recoverJournal } from '../../commands/recover-journal.ts'
import { LmdbJournal } from '../../journal/lmdb.ts'
import { MiB } from '../../platform/limits.ts'
import { readHorizons, writeHorizon } from '../../projections/checkpoint.ts'
import { Follower, REFOLD_RECORDS } from '../../projections/follower.ts'
import { World } from '../../projections/world.ts'
import { LmdbStore } from '../../store/lmdb-store.ts'
import { type CliCommand, type OptionValues, UsageError } from './commands.ts'

const MEMORY = 256 * MiB

export function dataOption(values: OptionValues): DataPaths {
  const { data } = values
  if (typeof data !== 'string') throw new UsageError('--data DIR is needed')
  return dataPaths(data)
}

/** Nothing is to be made where there is nothing, and taken for what was there. */
export function mustBeData({ root, journal }: DataPaths): void {
  if (!existsSync(journal)) throw new Error(`${root} is no data directory: it has no journal`)
}

interface Caught {
  readonly digest: string
  readonly seq: number
  readonly records: number
  readonly seconds: number
}

/** Brings the projections at `path` up to the journal's end. */
async function catchUp(
  paths: DataPaths,
  path: string,
  progress: (seq: number) => void,
): Promise<Caught> {
  await recoverJournal(paths)
  const journal = await LmdbJournal.open({ dir: paths.journal, readOnly: true })
  const store = new LmdbStore(path)
  try {
    const world = new World(store, MEMORY)
    const from = world.seq
    const started = performance.now()
    await new Follower({ world, journal, flushRecords: REFOLD_RECORDS }).catchUp(progress)
    const seconds = (performance.now() - started) / 1000
    return { digest: world.digest(), seq: world.seq, records: world.seq - from, seconds }
  } finally {
    await store.close()
    await journal.close()
  }
}

function say(json: boolean, result: Caught): void {
  const { digest, seq, records, seconds } = result
  const rate = Math.round(records / Math.max(seconds, 0.001))
  if (json) process.stdout.write(`${JSON.stringify({ ...result, rate })}\n`)
  else {
    process.stdout.write(`${digest}\n`)
    process.stderr.write(`record ${seq}; folded ${records} in ${seconds.toFixed(2)} s\n`)
  }
}

const onStderr = (seq: number): void => {
  if (process.stderr.isTTY) process.stderr.write(`\rrecord ${seq} `)
}

export const digestCommand: CliCommand = {
  name: 'digest',
  summary: 'print the digest of the state in a data directory',
  usage: '--data DIR [--json]',
  help: `\
The digest stands for all state: of the control plane (share 0) and of each share. The server's
own (dfsctl digest) is the same when it has seen the same journal.`,
  options: { data: { type: 'string' }, json: { type: 'boolean' } },
  run: async ({ values }) => {
    const paths = dataOption(values)
    mustBeData(paths)
    const unlock = await lockDataDirectory(paths.root)
    try {
      say(values['json'] === true, await catchUp(paths, paths.projections, onStderr))
    } finally {
      await unlock()
    }
    return 0
  },
}

/** What retention has forgotten, for who makes projections anew: its content is gone. */
async function horizonsIn(path: string): Promise<ReadonlyMap<number, number>> {
  if (!existsSync(path)) return new Map()
  let store: LmdbStore | undefined
  try {
    store = new LmdbStore(path, { readOnly: true })
    return readHorizons(store)
  } catch {
    // Damaged: the next round of forgetting finds out again.
    return new Map()
  } finally {
    await store?.close()
  }
}

async function keepHorizons(path: string, horizons: ReadonlyMap<number, number>): Promise<void> {
  const store = new LmdbStore(path)
  store.commit((writer) => {
    for (const [share, seq] of horizons) writeHorizon(writer, share, seq)
  })
  await store.close()
}

export const rebuildCommand: CliCommand = {
  name: 'rebuild',
  summary: 'make the projections anew from the journal',
  usage: '--data DIR [--json]',
  help: `\
Deletes the projections and folds the whole journal again. The digest that is printed must be
the one from before: projections hold nothing that the journal does not.`,
  options: { data: { type: 'string' }, json: { type: 'boolean' } },
  run: async ({ values }) => {
    const paths = dataOption(values)
    mustBeData(paths)
    const unlock = await lockDataDirectory(paths.root)
    try {
      const horizons = await horizonsIn(paths.projections)
      await rm(dirname(paths.projections), { recursive: true, force: true })
      await keepHorizons(paths.projections, horizons)
      say(values['json'] === true, await catchUp(paths, paths.projections, onStderr))
    } finally {
      await unlock()
    }
    return 0
  },
}
