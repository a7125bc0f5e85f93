/**
 * `node bench/audit.ts --records 10000000`: makes a journal of so many records, starts a server on
 * it, and measures how long audits take over the API, from the request to the end of the answer.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dataPaths } from '../src/commands/data-directory.ts'
import { RunningServer } from '../test/control/running-server.ts'
import { foldJournal, HAYSTACK_USER, makeJournal, NEEDLE, PROBED, timeAt } from './audit-journal.ts'
import { machineFacts } from './report/machine-facts.ts'

const HELP = `Usage: node bench/audit.ts [--records N] [--rounds N] [--dir DIR] [--json FILE]

Makes a journal of N records (1,000,000), and asks a server on it selective questions.
`
const ROOT = join(import.meta.dirname, '..')
const PROGRESS_EACH = 250_000

type Question = Readonly<Record<string, string>>

const questions = (records: number): Record<string, Question> => ({
  'a user who was there rarely': { user: String(NEEDLE.uid) },
  'a client that was there rarely': { client: NEEDLE.address },
  'a path, all of its past': { path: PROBED },
  'a path, refused attempts of a busy user': {
    ...{ path: '/export/d500', user: String(HAYSTACK_USER), result: 'refused' },
  },
  'a user who never was': { user: '4000000000' },
  'the last 100 of a busy user': { user: String(HAYSTACK_USER), limit: '100' },
  'a minute in the middle, refused': {
    since: new Date(timeAt(records / 2) * 1000).toISOString(),
    until: new Date((timeAt(records / 2) + 60) * 1000).toISOString(),
    result: 'refused',
  },
})

async function ask(server: RunningServer, question: Question) {
  const started = performance.now()
  const headers = { authorization: `Bearer ${server.token}` }
  const url = `http://${server.api}/v1/audit?${new URLSearchParams(question)}`
  const response = await fetch(url, { headers })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return { millis: performance.now() - started, entries: text.split('\n').length - 1 }
}

function progressOn(what: string): (seq: number) => void {
  let next = PROGRESS_EACH
  return (seq) => {
    if (seq < next) return
    next = seq + PROGRESS_EACH
    console.error(`${what} ${seq}`)
  }
}

const kib = (path: string): number =>
  Number(execFileSync('du', ['-sk', path], { encoding: 'utf8' }).split('\t')[0])

async function measure(data: string, records: number, rounds: number) {
  const began = performance.now()
  await makeJournal(data, records, progressOn('journalled'))
  const made = performance.now()
  await foldJournal(data, progressOn('folded'))
  const folded = performance.now()
  const server = await RunningServer.start(data)
  try {
    const first = await ask(server, { user: '4000000001' })
    const answers: Record<string, unknown>[] = []
    for (const [what, question] of Object.entries(questions(records))) {
      const times: number[] = []
      let entries = 0
      for (let i = 0; i < rounds; i++) {
        const answer = await ask(server, question)
        times.push(answer.millis)
        entries = answer.entries
      }
      times.sort((a, b) => a - b)
      const [median, worst] = [times[rounds >> 1] as number, times.at(-1) as number]
      answers.push({ what, entries, median: Math.round(median), worst: Math.round(worst) })
    }
    const { journal, projections } = dataPaths(data)
    return {
      records,
      madeSeconds: (made - began) / 1000,
      foldedPerSecond: records / ((folded - made) / 1000),
      journalKib: kib(journal),
      projectionsKib: kib(projections),
      firstMillis: Math.round(first.millis),
      answers,
    }
  } finally {
    await server.stop()
  }
}

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    dir: { type: 'string', default: join(ROOT, 'data') },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(HELP)
else {
  mkdirSync(values.dir, { recursive: true })
  const data = mkdtempSync(join(values.dir, 'audit-'))
  try {
    const result = await measure(data, Number(values.records), Number(values.rounds))
    if (values.json !== undefined) {
      writeFileSync(
        values.json,
        `${JSON.stringify({ facts: machineFacts(data), result }, null, 2)}\n`,
      )
    }
    console.table(result.answers)
    console.log({ ...result, answers: undefined })
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}
