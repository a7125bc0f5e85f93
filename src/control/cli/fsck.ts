/** `dfs fsck`: whether everything in a data directory is what it should be, and making it so. */
import { CheckError, type Checked, DataCheck } from '../../commands/check/data-check.ts'
import type { Area, Finding, Progress } from '../../commands/check/finding.ts'
import { InUseError, lockDataDirectory } from '../../commands/data-lock.ts'
import { isFull } from '../../platform/disk-full.ts'
import { type CliCommand, type OptionValues, UsageError } from './commands.ts'
import { dataOption, mustBeData } from './offline.ts'
import { printable } from './printable.ts'

/** As fsck(8) has them, but for what could not be checked. */
const exit = { whole: 0, repaired: 1, notChecked: 2, damaged: 4 } as const

const remedies: Readonly<Record<Area, string>> = {
  journal: 'restore the journal from a copy; docs/guide/repair.md says what else is possible',
  projections: 'dfs fsck --repair makes the projections anew from the journal',
  index: 'dfs fsck --repair makes the index anew from the segments',
  content: 'restore the segment from a copy, or write the file again; other bytes are not affected',
}

export const fsckCommand: CliCommand = {
  name: 'fsck',
  summary: 'check everything in a data directory, and repair what can be',
  usage: '--data DIR [--repair] [--scratch DIR] [--json]',
  help: `\
Checks the journal (pages of its files, checksums, the hash chain, every record), the projections
(row by row against a fold of the journal; link counts, parents, cookies, extents, quotas), the
index of blocks, and every block of content that a file needs, now or at a moment that retention
covers. Says what is wrong, where, which files that concerns and what helps. No server may be
using the directory. Nothing in it is changed without --repair.

  --repair             make projections and index anew if they are damaged
  --scratch DIR        where to make them for comparison (the data directory); of the same disk,
                       for --repair
  --json               one object a line: {"finding": …} each, and {"summary": …}

Exit status: 0 nothing is wrong; 1 all that was wrong was repaired; 2 it could not be checked;
4 something is wrong that was not repaired.`,
  options: {
    data: { type: 'string' },
    repair: { type: 'boolean' },
    scratch: { type: 'string' },
    json: { type: 'boolean' },
  },
  run: async ({ values }) => {
    const paths = dataOption(values)
    const json = values['json'] === true
    const repair = values['repair'] === true
    const scratch = typeof values['scratch'] === 'string' ? values['scratch'] : paths.root
    const progress = new ProgressLine()
    try {
      mustBeData(paths)
      const unlock = await lockDataDirectory(paths.root)
      try {
        const onFinding = (finding: Finding): void => {
          progress.clear()
          process.stdout.write(json ? `${JSON.stringify({ finding })}\n` : text(finding))
        }
        const options = { paths, repair, scratch, onFinding, progress: progress.say }
        const checked = await new DataCheck(options).run()
        progress.clear()
        return conclude(checked, repair, json)
      } finally {
        await unlock()
      }
    } catch (error) {
      progress.clear()
      if (error instanceof UsageError) throw error
      return cannot(error as Error, values)
    }
  },
}

function cannot(error: Error, { data }: OptionValues): number {
  const known = error instanceof CheckError || error instanceof InUseError
  const hint = isFull(error) ? '; --scratch DIR says where there is more room' : ''
  process.stderr.write(`dfs fsck: cannot check ${data}: ${error.message}${hint}\n`)
  if (!known && process.env['DEBUG']) process.stderr.write(`${error.stack}\n`)
  return exit.notChecked
}

function text({ area, where, what, means, heals }: Finding): string {
  const remedy = heals === true ? 'dfs fsck --repair makes it good' : remedies[area]
  const effect = means === undefined ? [] : [`  meaning: ${means}`]
  const lines = [`${area}: ${where}`, `  ${what}`, ...effect, `  remedy: ${remedy}`]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

function conclude(checked: Checked, repair: boolean, json: boolean): number {
  const { findings, healing, repaired } = checked
  const left = repair ? findings - healing : findings
  const status = findings === 0 ? exit.whole : left === 0 ? exit.repaired : exit.damaged
  if (json) {
    const verdict = status === exit.whole ? 'whole' : left === 0 ? 'repaired' : 'damaged'
    process.stdout.write(`${JSON.stringify({ summary: { verdict, ...checked } })}\n`)
    return status
  }
  const { records, frames, rows, extents, blocks, contentBytes, damagedGarbage, digest } = checked
  process.stdout.write(
    `checked ${records} records in ${frames} frames, ${rows} rows, ${extents} extents, ` +
      `${blocks} blocks of ${Math.ceil(contentBytes / 2 ** 20)} MiB\n`,
  )
  if (digest !== undefined) process.stdout.write(`digest ${digest}\n`)
  if (damagedGarbage > 0) {
    process.stdout.write(`${damagedGarbage} damaged blocks that no file needs\n`)
  }
  if (repaired.length > 0) process.stdout.write(`made anew: ${repaired.join(', ')}\n`)
  process.stdout.write(verdictLine(findings, healing, repair))
  return status
}

function verdictLine(findings: number, healing: number, repair: boolean): string {
  if (findings === 0) return 'nothing is wrong\n'
  const left = findings - healing
  if (!repair) return `${findings} findings, ${healing} of which dfs fsck --repair makes good\n`
  return left === 0 ? 'all of it was repaired\n' : `${left} of ${findings} findings are left\n`
}

const EACH_MILLIS = 200
const EACH_MILLIS_LOGGED = 10_000

/** Where the check is: in place on a terminal, now and then a line otherwise. */
class ProgressLine {
  private shown = false
  private last = performance.now()

  readonly say: Progress = (what, done) => {
    const { isTTY } = process.stderr
    const now = performance.now()
    if (now - this.last < (isTTY ? EACH_MILLIS : EACH_MILLIS_LOGGED)) return
    this.last = now
    process.stderr.write(isTTY ? `\r\x1b[K${done} ${what}` : `${done} ${what}\n`)
    this.shown = isTTY
  }

  clear(): void {
    if (this.shown) process.stderr.write('\r\x1b[K')
    this.shown = false
  }
}
