/**
 * `npm test [-- FILES]`: node's own runner over all test files. What a test needs and the machine
 * does not have is reported by that test as skipped, with the reason.
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'

const given = process.argv.slice(2)
const files = given.length > 0 ? given : globSync('test/**/*.test.ts').sort()

// The Linux kernel's client and the torture run are long and busy: they go last, and alone.
const alone = files.filter((file) => /test\/(interop|torture)\//.test(file))
const together = files.filter((file) => !alone.includes(file))

function run(some: readonly string[], concurrency: number): number {
  if (some.length === 0) return 0
  const args = ['--test', `--test-concurrency=${concurrency}`, ...some]
  return spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1
}

process.exitCode = run([...together, ...alone], Math.max(2, availableParallelism()))
