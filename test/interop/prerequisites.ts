/** Whether this machine can run guests, and the packages that it lacks for it. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { inNewNamespaces } from './enclosure.ts'
import { settings } from './settings.ts'

/** A command, or an absolute path, and the Debian package that brings it. */
export type Requirement = readonly [file: string, debianPackage: string]

const installer = 'apt-get'
const { PATH: searchPath = '' } = process.env

const always: readonly Requirement[] = [
  ['linux.uml', 'user-mode-linux'],
  ['/usr/lib/uml/modules', 'user-mode-linux'],
  ['busybox', 'busybox-static'],
  ['ip', 'iproute2'],
  ['mount.nfs', 'nfs-common'],
  ['unshare', 'util-linux'],
  ['nsenter', 'util-linux'],
  ['git', 'git'],
  ['make', 'make'],
  ['gcc', 'gcc'],
  ['/usr/include/stdio.h', 'libc6-dev'],
  ['tar', 'tar'],
  ['/usr/bin/python3', 'python3'],
  ['sqlite3', 'sqlite3'],
  ['fio', 'fio'],
  ['dbench', 'dbench'],
]

/**
 * Returns why guests cannot run here, or nothing when they can. As root on a Debian machine it
 * installs the packages that are missing, unless DFS_INTEROP_INSTALL=no.
 */
export function whyNot(more: readonly Requirement[]): string | undefined {
  if (process.platform !== 'linux') return 'guests need Linux'
  if (process.getuid?.() !== 0) return 'guests need root: for namespaces, taps and mounts'
  const requirements = [...always, ...more]
  let missing = requirements.filter(([file]) => !present(file))
  if (missing.length > 0) {
    install([...new Set(missing.map(([, debianPackage]) => debianPackage))])
    missing = missing.filter(([file]) => !present(file))
  }
  if (missing.length > 0) {
    return `missing: ${missing.map(([file, name]) => `${file} (package ${name})`).join(', ')}`
  }
  if (!existsSync('/dev/net/tun')) return 'missing: /dev/net/tun'
  return whyNoNamespaces()
}

function whyNoNamespaces(): string | undefined {
  const [program, ...args] = inNewNamespaces('ip', 'tuntap', 'add', 'tap1', 'mode', 'tap')
  const probe = spawnSync(program, args, { encoding: 'utf8', timeout: 10_000 })
  if (probe.status === 0) return undefined
  return `no namespace with a tap device (CAP_SYS_ADMIN, CAP_NET_ADMIN): ${probe.stderr.trim()}`
}

function present(file: string): boolean {
  if (file.startsWith('/')) return existsSync(file)
  const path = `${searchPath}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`
  return path.split(':').some((folder) => folder !== '' && existsSync(join(folder, file)))
}

function install(packages: readonly string[]): void {
  if (!settings.install || !present(installer)) return
  console.error(`installing ${packages.join(' ')}`)
  const apt = (...args: string[]) =>
    spawnSync(installer, args, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: 600_000,
    }).status === 0
  const once = () => apt('install', '-y', '--no-install-recommends', ...packages)
  if (!once() && apt('update')) once()
}
