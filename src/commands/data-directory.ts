import { createHash } from 'node:crypto'
import { realpathSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeDirectory } from '../platform/directory.ts'

/** What lies where in a data directory (docs/formats/README.md). */
export interface DataPaths {
  readonly root: string
  readonly journal: string
  readonly segments: string
  readonly index: string
  readonly projections: string
  readonly ballast: string
  readonly token: string
}

export function dataPaths(root: string): DataPaths {
  return {
    root,
    journal: join(root, 'journal'),
    segments: join(root, 'content', 'segments'),
    index: join(root, 'content', 'index.mdb'),
    projections: join(root, 'projections', 'projections.mdb'),
    ballast: join(root, 'reserve'),
    token: join(root, 'token'),
  }
}

/** Another process works on the data directory. */
export class InUseError extends Error {
  override readonly name = 'InUseError'
}

/**
 * Keeps a data directory to one process: a socket that only one can listen on, and that is free
 * again the moment its process is gone, however it went.
 */
export async function lockDataDirectory(root: string): Promise<() => Promise<void>> {
  makeDirectory(root)
  const name = createHash('sha256').update(realpathSync(root)).digest('hex').slice(0, 24)
  const path = join(tmpdir(), `dittofs-${name}.lock`)
  let server = await listen(path)
  if (server === undefined) {
    if (await answers(path)) throw new InUseError(`another process is using ${root}`)
    rmSync(path, { force: true })
    server = await listen(path)
  }
  if (server === undefined) throw new InUseError(`another process is using ${root}`)
  const held = server
  held.unref()
  return () => new Promise((resolve) => held.close(() => resolve()))
}

function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    )
    server.listen(path, () => resolve(server))
  })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
