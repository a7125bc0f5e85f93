/**
 * NFS-Ganesha over a local directory: a stand-in that shows whether a failure is the test's own.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { EnclosedProcess } from './enclosure.ts'
import type { RunningServer, ServerPlace, ServerUnderTest } from './server-under-test.ts'

const mountPort = 20048

/** Its NFSACL answers every SETACL with an error. */
const mountOptions = 'noacl'

/** One registry of programs per place: Ganesha refuses to serve NFSv3 without it. */
const rpcbinds = new WeakMap<object, EnclosedProcess>()

export const ganeshaServer: ServerUnderTest = {
  name: 'ganesha',
  requirements: [
    ['ganesha.nfsd', 'nfs-ganesha'],
    ['/usr/lib/x86_64-linux-gnu/ganesha/libfsalvfs.so', 'nfs-ganesha-vfs'],
    ['rpcbind', 'rpcbind'],
  ],

  async start(place: ServerPlace): Promise<RunningServer> {
    const { enclosure, port, directory } = place
    const exported = join(directory, 'export')
    const configuration = join(directory, 'ganesha.conf')
    mkdirSync(exported, { recursive: true })
    writeFileSync(configuration, configurationOf(place, exported))
    await startRpcbind(place)
    const args = ['-F', '-L', 'STDOUT', '-N', 'NIV_CRIT', '-f', configuration]
    args.push('-p', join(directory, 'ganesha.pid'))
    const server = enclosure.spawn('ganesha.nfsd', args)
    createInterface({ input: server.stdout }).on('line', place.log)
    createInterface({ input: server.stderr }).on('line', place.log)
    while (!(enclosure.listening(port) && enclosure.listening(mountPort))) {
      if (!server.running) throw new Error('Ganesha ended before it served')
      await delay(20)
    }
    return { process: server, exportPath: '/export', mountPort, mountOptions, ready: {} }
  },
}

async function startRpcbind(place: ServerPlace): Promise<void> {
  if (rpcbinds.has(place.enclosure)) return
  await place.enclosure.run('mkdir', ['-p', '/run/rpcbind'])
  rpcbinds.set(place.enclosure, place.enclosure.spawn('rpcbind', ['-f']))
  while (!place.enclosure.listening(111)) await delay(20)
}

function configurationOf({ address, port }: ServerPlace, exported: string): string {
  return `
    NFS_CORE_PARAM {
      Bind_addr = ${address};
      NFS_Port = ${port};
      MNT_Port = ${mountPort};
      Enable_NLM = false;
      Enable_RQUOTA = false;
      Enable_UDP = false;
      Protocols = 3;
      mount_path_pseudo = true;
    }
    NFSV4 { Graceless = true; }
    EXPORT_DEFAULTS { Access_Type = RW; Squash = none; SecType = sys; }
    EXPORT { Export_Id = 1; Path = ${exported}; Pseudo = /export; FSAL { Name = VFS; } }
  `
}
