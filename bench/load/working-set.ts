import { createmode3 } from '../../src/protocols/nfs3/procedures/create.ts'
import { stable_how } from '../../src/protocols/nfs3/procedures/write.ts'
import { Mount3Client } from '../../test/client/mount3-client.ts'
import { type Nfs3Client, nfs3Client, ok, sattr } from '../../test/client/nfs3-client.ts'
import { authSys, type Credentials } from '../../test/client/rpc-call.ts'
import { RpcClient } from '../../test/client/rpc-client.ts'
import type { Address } from '../peers/peer.ts'
import type { Payloads } from './call-sources.ts'

/** An ordinary user, as clients mostly are; only the directory to work in is made by root. */
export const USER: Credentials = authSys({ uid: 1000, gid: 1000, machinename: 'bench' })
const ROOT: Credentials = authSys({ uid: 0, gid: 0, machinename: 'bench' })

/** Calls in flight while files are prepared. */
const AT_ONCE = 32
/** Slow disks may take their time over a COMMIT. */
const TIMEOUT_MS = 120_000
const WRITE_BYTES = 1 << 20

export interface Workplace {
  readonly rpc: RpcClient
  readonly nfs: Nfs3Client
  /** The export's root, for FSINFO. */
  readonly root: Buffer
  /** An empty directory that belongs to USER. */
  readonly dir: Buffer
}

/** Mounts the export and makes a directory in it. */
export async function openWorkplace(
  addresses: { readonly nfs: Address; readonly mount: Address },
  exportPath: string,
): Promise<Workplace> {
  const mount = await RpcClient.connect({ ...addresses.mount, credentials: ROOT })
  const root = await new Mount3Client(mount).root(exportPath)
  await mount.close()
  const rpc = await RpcClient.connect({
    ...addresses.nfs,
    credentials: USER,
    timeoutMs: TIMEOUT_MS,
  })
  const nfs = nfs3Client(rpc)
  const asRoot = { credentials: ROOT }
  const attributes = sattr({ mode: 0o755 })
  const made = ok(await nfs.mkdir({ where: { dir: root, name: 'bench' }, attributes }, asRoot))
  const dir = handleOf(made)
  const owner = sattr({ uid: 1000, gid: 1000 })
  ok(await nfs.setattr({ object: dir, new_attributes: owner, guard: undefined }, asRoot))
  return { rpc, nfs, root, dir }
}

function handleOf(made: { readonly obj: Buffer | undefined }): Buffer {
  if (made.obj === undefined) throw new Error('the server returned no handle of what it made')
  return Buffer.from(made.obj)
}

export async function makeDirectory(nfs: Nfs3Client, dir: Buffer, name: string): Promise<Buffer> {
  const attributes = sattr({ mode: 0o755 })
  return handleOf(ok(await nfs.mkdir({ where: { dir, name }, attributes })))
}

export async function makeFile(nfs: Nfs3Client, dir: Buffer, name: string): Promise<Buffer> {
  const how = { mode: createmode3.UNCHECKED, obj_attributes: sattr({ mode: 0o644 }) }
  return handleOf(ok(await nfs.create({ where: { dir, name }, how })))
}

export interface NamedFile {
  readonly dir: Buffer
  readonly name: string
  readonly handle: Buffer
}

/** `count` empty files in one directory. */
export async function makeFiles(nfs: Nfs3Client, dir: Buffer, count: number): Promise<NamedFile[]> {
  return inFlight(count, async (i) => {
    const name = `file-${String(i).padStart(6, '0')}.txt`
    return { dir, name, handle: await makeFile(nfs, dir, name) }
  })
}

export async function makeTree(
  { nfs, dir }: Workplace,
  shape: { readonly directories: number; readonly filesEach: number },
): Promise<NamedFile[]> {
  const files: NamedFile[] = []
  for (const parent of await makeDirectories(nfs, dir, shape.directories)) {
    files.push(...(await makeFiles(nfs, parent, shape.filesEach)))
  }
  return files
}

export function makeDirectories(nfs: Nfs3Client, dir: Buffer, count: number): Promise<Buffer[]> {
  return inFlight(count, (i) => makeDirectory(nfs, dir, directoryName(i)))
}

/** Of those that `makeDirectories` makes. */
export const directoryName = (i: number): string => `dir-${String(i).padStart(4, '0')}`

/** A file full of random data, committed, and read once so that it is in the server's cache. */
export async function makeFullFile(
  { nfs, dir }: Workplace,
  size: number,
  payloads: Payloads,
): Promise<Buffer> {
  const file = await makeFile(nfs, dir, 'data')
  const chunks = size / WRITE_BYTES
  const stable = stable_how.UNSTABLE
  const count = WRITE_BYTES
  await inFlight(chunks, async (i) => {
    const data = payloads.next(WRITE_BYTES)
    const result = ok(await nfs.write({ file, offset: i * WRITE_BYTES, count, stable, data }))
    if (result.count !== count) throw new Error(`${result.count} of ${count} bytes written`)
  })
  ok(await nfs.commit({ file, offset: 0, count: 0 }))
  await inFlight(chunks, async (i) => {
    const result = ok(await nfs.read({ file, offset: i * WRITE_BYTES, count }))
    if (result.data.length !== count) throw new Error(`${result.data.length} bytes read`)
  })
  return file
}

/** Runs `one` for 0 to `count` - 1, several at a time. */
export async function inFlight<T>(count: number, one: (i: number) => Promise<T>): Promise<T[]> {
  const results = new Array<T>(count)
  let next = 0
  const worker = async () => {
    while (next < count) {
      const i = next++
      results[i] = await one(i)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return results
}
