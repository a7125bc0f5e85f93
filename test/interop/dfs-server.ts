/** DittoFS itself, as `dfs start` runs it. */
import { cpSync, existsSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
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
    const args = ['start', '--data', join(place.directory, 'data'), '--listen', address]
    // Root gives files away and acts as others: it must not be taken for nobody.
    args.push('--nfs-port', String(port), '--api-port', '0', '--share-squash', 'none')
    const server = enclosure.spawn(process.execPath, [program, ...args])
    createInterface({ input: server.stderr }).on('line', place.log)
    createInterface({ input: server.stdout }).on('line', place.log)
    const line = await lineMatching(server.stdout, /^ready \{/, 30_000)
    const ready: Record<string, unknown> = JSON.parse(line.slice('ready '.length))
    return { process: server, exportPath: '/export', mountPort: port, ready }
  },
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
