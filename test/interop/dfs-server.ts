/** DittoFS itself, as `dfs start` runs it. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, symlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { dataPaths } from '../../src/commands/data-directory.ts'
import { Rebuild } from '../torture/state-checks.ts'
import { lineMatching } from './enclosure.ts'
import type { RunningServer, ServerPlace, ServerUnderTest } from './server-under-test.ts'

const repository = resolve(import.meta.dirname, '../..')

/** Whether there is a server to test. */
export const dfsExists = (): boolean => existsSync(join(repository, 'bin/dfs.cjs'))

export const dfsServer: ServerUnderTest = {
  name: 'dfs',
  requirements: [],

  async start(place: ServerPlace): Promise<RunningServer> {
    const { enclosure, address, port } = place
    const program = frozenProgram(place)
    const args = ['start', '--data', dataOf(place), '--listen', address]
    // Root gives files away and acts as others: it must not be taken for nobody.
    args.push('--nfs-port', String(port), '--api-port', '0', '--share-squash', 'none')
    const server = enclosure.spawn(process.execPath, [program, ...args])
    createInterface({ input: server.stderr }).on('line', place.log)
    createInterface({ input: server.stdout }).on('line', place.log)
    const line = await lineMatching(server.stdout, /^ready \{/, 30_000)
    const ready: Record<string, unknown> = JSON.parse(line.slice('ready '.length))
    return { process: server, exportPath: '/export', mountPort: port, ready }
  },

  /** Folded anew, the journal amounts to the very state that the server has. */
  async afterScenario(server: RunningServer, place: ServerPlace): Promise<void> {
    let rebuild = rebuilds.get(place)
    if (rebuild === undefined) {
      rebuild = new Rebuild(dataPaths(dataOf(place)), join(place.directory, 'scratch'))
      rebuilds.set(place, rebuild)
    }
    for (let i = 0; i < ATTEMPTS; i++) {
      const live = await liveDigest(server, place)
      const anew = await rebuild.catchUp()
      if (anew.seq === live.seq) return assert.equal(anew.digest, live.digest)
      // What is durable comes to the journal a little later, and the server has things to do.
      await delay(PAUSE_MILLIS)
    }
    throw new Error('the server does not come to rest: no digest to compare')
  },
}

const ATTEMPTS = 50
const PAUSE_MILLIS = 100

/** One for each server: it goes on from where the journal was at the last look. */
const rebuilds = new WeakMap<ServerPlace, Rebuild>()

const dataOf = ({ directory }: ServerPlace): string => join(directory, 'data')

/** Compares the rows in memory with the store, too. */
async function liveDigest(
  { ready }: RunningServer,
  place: ServerPlace,
): Promise<{ readonly seq: number; readonly digest: string }> {
  const dfsctl = join(dirname(frozenProgram(place)), 'dfsctl.cjs')
  const where = ['--api', String(ready['api']), '--data', dataOf(place)]
  const args = [dfsctl, 'digest', '--audit', '--json', ...where]
  return JSON.parse(await place.enclosure.run(process.execPath, args))
}

/** A copy, so that what starts again in the middle of a run is the very program that was killed. */
function frozenProgram({ directory }: ServerPlace): string {
  const copy = join(directory, 'program')
  if (!existsSync(copy)) {
    for (const name of ['bin', 'src', 'package.json']) {
      cpSync(join(repository, name), join(copy, name), { recursive: true })
    }
    symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'))
  }
  return join(copy, 'bin/dfs.cjs')
}
