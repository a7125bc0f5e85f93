/** What a command prints, and what becomes of the command when nobody takes it. */
import { once } from 'node:events'

let unread = false

/**
 * To be called once, first. Whoever read our output has had enough: a command that `streams` ends
 * with status 0, others do what they are there for and print no more. Any other error of stdout
 * ends the program: what was to be printed is lost.
 */
export function watchOutput(program: string, streams: boolean): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') {
      process.stderr.write(`${program}: cannot print: ${error.message}\n`)
      process.exit(1)
    }
    unread = true
    if (streams) process.exit(0)
  })
}

/** Resolves when there is room for more; to false when nobody reads any more. */
export async function printLine(text: string): Promise<boolean> {
  if (unread) return false
  // An error is seen to by who watches the output.
  if (!process.stdout.write(`${text}\n`)) await once(process.stdout, 'drain').catch(() => undefined)
  return !unread
}
