/** The repository lints itself: what docs/style.md demands and Biome does not know. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, test } from 'node:test'

const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(path))
const sources = tracked.filter((path) => /^(src|test|bench|docs)\/.*\.ts$/.test(path))
const read = (path: string) => readFileSync(path, 'utf8')

interface Ban {
  readonly pattern: RegExp
  readonly where: RegExp
  readonly except?: RegExp
  readonly instead: string
}

const bans: readonly Ban[] = [
  {
    pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bMath\.random\(|\bhrtime\b/,
    where: /^src\/(commands|projections|journal|content)\//,
    except: /^src\/(projections|content|journal)\/.*worker\.ts$/,
    instead: 'time, ids and randomness arrive in a command’s metadata or as an injected Clock',
  },
  {
    pattern: /\b(readBigU?Int64BE|writeBigU?Int64BE|readBigU?Int64LE|writeBigU?Int64LE)\(/,
    where: /^src\//,
    instead: 'DataView, ten times as fast (docs/style.md)',
  },
  {
    pattern: /\bconsole\./,
    where: /^src\//,
    except: /^src\/(main\.ts|control\/cli\/)/,
    instead: 'the injected logger; only the command line prints',
  },
  { pattern: /\bTODO\b|\bFIXME\b|\bXXX\b/, where: /^(src|bench)\//, instead: 'do it, or leave it' },
  {
    pattern: /@ts-ignore|\bas any(?= *[;,)\]}]|$)/,
    where: /^(src|bench|test)\//,
    instead: 'a type that is true',
  },
  {
    pattern: /\bBuffer\.from\((?:[a-z.]+), 'utf8'\)/,
    where: /^src\/wire\//,
    instead: 'Writer.text, which does not allocate',
  },
]

describe('tidy', () => {
  test('no line of code is wider than 100 columns', () => {
    const wide = sources.flatMap((path) =>
      read(path)
        .split('\n')
        .flatMap((line, i) => (line.length > 100 ? [`${path}:${i + 1}`] : [])),
    )
    assert.deepEqual(wide, [])
  })

  for (const { pattern, where, except, instead } of bans) {
    test(`${pattern.source} is banned in ${where.source}: ${instead}`, () => {
      const found = sources
        .filter((path) => where.test(path) && !except?.test(path) && path !== 'test/tidy.test.ts')
        .flatMap((path) =>
          read(path)
            .split('\n')
            .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
        )
      assert.deepEqual(found, [])
    })
  }

  test('file names are kebab-case and say what is inside', () => {
    const vague = /^(utils?|helpers?|common|misc|manager|service|index|types)\./
    const bad = sources.filter(
      (path) =>
        !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.ts$/.test(basename(path)) ||
        vague.test(basename(path)),
    )
    assert.deepEqual(bad, [])
  })

  test('no file is empty, and each ends with one newline', () => {
    const bad = sources.filter((path) => !/[^\n]\n$/.test(read(path)))
    assert.deepEqual(bad, [])
  })

  const { dependencies, optionalDependencies, devDependencies } = JSON.parse(read('package.json'))
  const needed: Readonly<Record<string, string>> = {
    ...dependencies,
    ...optionalDependencies,
    ...devDependencies,
  }

  test('dependencies are pinned exactly', () => {
    const loose = Object.entries(needed).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))
    assert.deepEqual(loose, [])
  })

  test('each dependency has a page in docs/decisions that says why it and not another', () => {
    const decisions = tracked
      .filter((path) => /^docs\/decisions\/.*\.md$/.test(path) && !path.endsWith('README.md'))
      .map(read)
      .filter((page) => /not chosen|\bNot\b/i.test(page))
    const unexplained = Object.keys(needed).filter(
      (name) => !decisions.some((page) => page.includes(`\`${name}\``)),
    )
    assert.deepEqual(unexplained, [])
  })

  test('each page in docs/decisions is in its list', () => {
    const list = read('docs/decisions/README.md')
    const pages = tracked.filter((path) => /^docs\/decisions\/.*\.md$/.test(path))
    const missing = pages
      .map((path) => basename(path))
      .filter((name) => !list.includes(`(${name})`))
    assert.deepEqual(missing, ['README.md'])
  })

  test('an operation of a protocol names its section in its first line', () => {
    const operations = tracked.filter((path) =>
      /^src\/protocols\/[^/]+\/(procedures|operations|commands)\/[^/]+\.ts$/.test(path),
    )
    assert.ok(operations.length >= 22, 'they are there')
    const nameless = operations.filter(
      (path) => !/^\/\/ (RFC \d+|MS-[A-Z0-9]+|X\/Open \w+) .*\bsections? \w/.test(read(path)),
    )
    assert.deepEqual(nameless, [])
  })
})
