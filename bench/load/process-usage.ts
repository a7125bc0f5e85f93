import { readFileSync } from 'node:fs'

/** sysconf(_SC_CLK_TCK): 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
const UTIME = 11
const STIME = 12

/** CPU seconds of a process so far, all its threads, user and system. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field, the command's name, may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS_PER_SECOND
}

export interface Memory {
  readonly rssMiB: number
  /** Of it, what the process has for itself: heap, buffers, stacks. */
  readonly anonMiB: number
  /** Of it, pages of mapped files, which the kernel takes back when it needs memory. */
  readonly fileMiB: number
  readonly peakRssMiB: number
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024)
  return {
    rssMiB: field('VmRSS'),
    anonMiB: field('RssAnon'),
    fileMiB: field('RssFile') + field('RssShmem'),
    peakRssMiB: field('VmHWM'),
  }
}

/** CPU seconds that the whole machine has been busy, what a hypervisor took from it included. */
export function machineCpuSeconds(): number {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number) as [number, number, number, number, number, number, number, number]
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
}

export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
