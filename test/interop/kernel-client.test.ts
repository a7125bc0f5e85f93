/**
 * The Linux kernel's own NFSv3 client against a server: each scenario undisturbed, and again while
 * the server is killed with SIGKILL and restarted, which no program in the guest may notice.
 */
import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { dfsExists, dfsServer } from './dfs-server.ts'
import { drawMoments } from './disturbance.ts'
import { ganeshaServer } from './ganesha-server.ts'
import { type Disturbance, Lab, type ScenarioReport } from './lab.ts'
import { whyNot } from './prerequisites.ts'
import { type Scenario, scenarios, timeoutMs } from './scenario.ts'
import { settings } from './settings.ts'

const servers = { dfs: dfsServer, ganesha: ganeshaServer }
const chosen = settings.server ?? (dfsExists() ? 'dfs' : 'ganesha')
assert.ok(chosen === 'dfs' || chosen === 'ganesha', `DFS_INTEROP_SERVER=${chosen}?`)
const server = servers[chosen]
const skip = whyNot(server.requirements) ?? false

/** Shared by the scenarios, and opened afresh after one that failed. */
let lab: Lab | undefined

async function run(scenario: Scenario, disturbance?: Disturbance): Promise<ScenarioReport> {
  lab ??= await Lab.open(server)
  try {
    const report = await lab.run(scenario, disturbance)
    // What each guest has seen belongs together when something went wrong between them.
    const failures = report.guests.flatMap((guest) => guest.failures)
    assert.deepEqual(failures, [], 'checks failed')
    for (const guest of report.guests) {
      assert.deepEqual(guest.alarms, [], 'the kernel complained')
      assert.equal(guest.status, 0, 'the script ended early')
      assert.notEqual(guest.passed.length, 0, 'nothing was checked')
    }
    return report
  } catch (error) {
    console.error(`${scenario.name} failed\n${lab.tail}`)
    await lab.close()
    lab = undefined
    throw error
  }
}

function describeReport(t: TestContext, { guests, durationMs, kills }: ScenarioReport): void {
  const checks = guests.reduce((sum, guest) => sum + guest.passed.length, 0)
  t.diagnostic(`${(durationMs / 1000).toFixed(1)} s, ${checks} checks, ${kills} kills`)
  for (const guest of guests) {
    for (const [key, value] of Object.entries(guest.results)) t.diagnostic(`${key}: ${value}`)
  }
}

/** How long scenarios take at least, for those disturbed without having run undisturbed. */
const typicalMs = 3000 * settings.scale

/** Room for booting guests and for the server's own check. */
const timeout = timeoutMs + 120_000

describe(`the Linux kernel's NFSv3 client and ${server.name}`, () => {
  after(() => lab?.close())

  for (const scenario of scenarios.filter(({ name }) => settings.only?.includes(name) ?? true)) {
    describe(`${scenario.name}: ${scenario.title}`, () => {
      let durationMs = typicalMs

      test('undisturbed', { skip, timeout }, async (t) => {
        const report = await run(scenario)
        durationMs = report.durationMs
        describeReport(t, report)
      })

      test('while the server is killed and restarted', { skip, timeout }, async (t) => {
        const moments = drawMoments(scenario.name)
        const at = moments.map((moment) => `${Math.round(moment * 100)} %`).join(', ')
        t.diagnostic(`DFS_INTEROP_SEED=${settings.seed}: killed at ${at} of ${durationMs / 1000} s`)
        const report = await run(scenario, { moments, durationMs })
        describeReport(t, report)
        assert.notEqual(report.kills, 0, 'it was over before the server was killed')
      })
    })
  }

  test('ends with exit code 0 when asked to', { skip, timeout: 120_000 }, async () => {
    lab ??= await Lab.open(server)
    assert.equal(await lab.stopServer(), 0)
  })
})
