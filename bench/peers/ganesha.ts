import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Mount3Client } from '../../test/client/mount3-client.ts'
import { nfs3Client } from '../../test/client/nfs3-client.ts'
import { RpcClient } from '../../test/client/rpc-client.ts'
import { freePort, stopChild, untilReady } from './child-server.ts'
import type { Address, Peer, RunningPeer } from './peer.ts'
import { startRegistrar } from './registrar.ts'

const BINARY = 'ganesha.nfsd'
const EXPORT = '/export'
const HOST = '127.0.0.1'

/**
 * NFS-Ganesha with FSAL_VFS: a user-space server in C that keeps files on a local file system.
 * `threads` caps its worker threads (RPC_Ioq_ThrdMax): with its default of 200, far more threads
 * wake up than a small machine has cores, and small calls take twice the CPU.
 */
export function ganesha(threads?: number): Peer {
  return {
    name: 'ganesha',
    title: threads === undefined ? 'NFS-Ganesha' : `NFS-Ganesha, ${threads} threads`,
    version: () =>
      /Release = V(\S+)/.exec(execFileSync(BINARY, ['-v'], { encoding: 'utf8' }))?.[1] ?? 'unknown',
    start: ({ dir }) => start(dir, threads),
  }
}

async function start(dir: string, threads: number | undefined): Promise<RunningPeer> {
  const files = join(dir, 'files')
  mkdirSync(files)
  const nfs = { host: HOST, port: await freePort() }
  const mount = { host: HOST, port: await freePort() }
  const config = join(dir, 'ganesha.conf')
  const more = threads === undefined ? '' : `RPC_Ioq_ThrdMax = ${threads};`
  writeFileSync(config, configuration(files, nfs, mount, more))
  const endRegistrar = await startRegistrar()
  const args = ['-F', '-f', config, '-L', join(dir, 'log'), '-p', join(dir, 'pid')]
  const child = spawn(BINARY, [...args, '-N', 'NIV_EVENT'], { stdio: 'ignore' })
  const stop = async () => {
    await stopChild(child)
    endRegistrar()
  }
  try {
    await untilReady(() => probe(nfs, mount), child)
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid!, nfs, mount, exportPath: EXPORT, stop }
}

async function probe(nfs: Address, mount: Address): Promise<void> {
  const rpc = await RpcClient.connect({ ...nfs, timeoutMs: 1000 })
  await nfs3Client(rpc).null({})
  await rpc.close()
  const mountRpc = await RpcClient.connect({ ...mount, timeoutMs: 1000 })
  await new Mount3Client(mountRpc).export()
  await mountRpc.close()
}

/**
 * Defaults wherever they exist; what is set, and why:
 * - Protocols, Enable_NLM, Enable_RQUOTA, Enable_UDP: NFSv3 over TCP alone, as our server is asked.
 * - mount_path_pseudo: the export is called /export, wherever it lies.
 * - Graceless: no waiting for NFSv4 clients of an earlier life, which there are none of.
 * - Access_Type, Squash, SecType: read and write as the user who calls.
 * - RPC_Ioq_ThrdMax: only on demand, see above.
 * - Not set: the duplicate request cache (on, as is ours), the attribute and directory caches and
 *   their sizes, statistics, threads, maximum transfer sizes.
 */
function configuration(files: string, nfs: Address, mount: Address, more: string): string {
  return `NFS_CORE_PARAM {
  Protocols = 3;
  Bind_addr = ${HOST};
  NFS_Port = ${nfs.port};
  MNT_Port = ${mount.port};
  Enable_NLM = false;
  Enable_RQUOTA = false;
  Enable_UDP = false;
  mount_path_pseudo = true;
  ${more}
}
NFSv4 { Graceless = true; }
EXPORT {
  Export_Id = 1;
  Path = ${files};
  Pseudo = ${EXPORT};
  Protocols = 3;
  Transports = TCP;
  Access_Type = RW;
  Squash = No_Root_Squash;
  SecType = sys;
  FSAL { Name = VFS; }
}
`
}
