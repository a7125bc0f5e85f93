import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from './peer.ts'

const READY_WITHIN_MS = 60_000
const STOP_WITHIN_MS = 60_000

/** Starts a server that says `ready {"nfs":"HOST:PORT",…}` on stdout, as ours does. */
export async function spawnReady(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly child: ChildProcess; readonly nfs: Address; readonly api?: Address }> {
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  const lines = createInterface({ input: child.stdout! })
  const ready = Promise.withResolvers<string>()
  lines.on('line', (line) => {
    if (line.startsWith('ready ')) ready.resolve(line.slice('ready '.length))
  })
  child.once('error', ready.reject)
  child.once('exit', (code) => ready.reject(new Error(`${script} ended with ${code} at its start`)))
  const timer = setTimeout(() => {
    ready.reject(new Error(`${script} is not ready after ${READY_WITHIN_MS / 1000} s`))
  }, READY_WITHIN_MS)
  try {
    const { nfs, api } = JSON.parse(await ready.promise) as { nfs: string; api?: string }
    return { child, nfs: parseAddress(nfs), ...(api !== undefined && { api: parseAddress(api) }) }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function parseAddress(text: string): Address {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) }
}

/** SIGTERM, and SIGKILL when that does not end it. Returns the exit code; null after a signal. */
export async function stopChild(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
  await exit
  clearTimeout(timer)
  return child.exitCode
}

/** A port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Tries `probe` until it succeeds. */
export async function untilReady(probe: () => Promise<void>, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS
  for (;;) {
    try {
      return await probe()
    } catch (error) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`)
      if (performance.now() > deadline) throw error
      await sleep(20)
    }
  }
}
