import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os'
import { join } from 'node:path'

const PROBE_WRITES = 300
const PROBE_BYTES = 4096

export interface MachineFacts {
  readonly cpu: string
  readonly cores: number
  readonly memoryMiB: number
  readonly kernel: string
  readonly node: string
  readonly fileSystem: string
  /** Latency of a 4 KiB append and fdatasync where the servers keep their data. */
  readonly fdatasyncMs: { readonly median: number; readonly p99: number }
  readonly loadAverage: number
}

export function machineFacts(dir: string): MachineFacts {
  const processors = cpus()
  return {
    cpu: processors[0]?.model ?? arch(),
    cores: processors.length,
    memoryMiB: Math.round(totalmem() / (1 << 20)),
    kernel: `${type()} ${release()}`,
    node: process.version,
    fileSystem: fileSystemOf(dir),
    fdatasyncMs: probeFdatasync(join(dir, 'fdatasync-probe')),
    loadAverage: loadavg()[0] ?? 0,
  }
}

function fileSystemOf(dir: string): string {
  const [, type = ''] = execFileSync('df', ['--output=fstype', dir], { encoding: 'utf8' }).split(
    '\n',
  )
  return type.trim()
}

function probeFdatasync(path: string): MachineFacts['fdatasyncMs'] {
  const fd = openSync(path, 'w')
  const block = Buffer.alloc(PROBE_BYTES, 1)
  const times: number[] = []
  try {
    for (let i = 0; i < PROBE_WRITES; i++) {
      const start = performance.now()
      writeSync(fd, block)
      fdatasyncSync(fd)
      times.push(performance.now() - start)
    }
  } finally {
    closeSync(fd)
    rmSync(path)
  }
  times.sort((a, b) => a - b)
  return { median: times[PROBE_WRITES >> 1] ?? 0, p99: times[Math.ceil(PROBE_WRITES * 0.99)] ?? 0 }
}
