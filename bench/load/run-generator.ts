import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Job, Measurement } from './generator.ts'

const SCRIPT = join(import.meta.dirname, 'generator.ts')

/** Runs the load generator in a process of its own; calls back for each case as it ends. */
export async function runGenerator(
  job: Job,
  onMeasurement: (measurement: Measurement) => void,
): Promise<void> {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    onMeasurement(JSON.parse(line))
  }
  const [code] = await exit
  if (code !== 0) throw new Error(`the load generator ended with ${code}`)
}
