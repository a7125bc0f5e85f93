/** What the guide says about settings, mounts and links is so. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { defaultText, type SettingName, settings, variableOf } from '../../src/platform/config.ts'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

describe('docs/guide/configuration.md', () => {
  const rows = new Map(
    read('docs/guide/configuration.md')
      .split('\n')
      .flatMap((line) => {
        const cells = line.split('|').map((cell) => cell.trim())
        const name = /^`([a-z-]+)`$/.exec(cells[1] ?? '')?.[1]
        return name === undefined ? [] : [[name, cells] as const]
      }),
  )

  for (const name of Object.keys(settings) as SettingName[]) {
    test(`has ${name} with its variable and default`, () => {
      const [, , variable, fallback] = rows.get(name) ?? []
      assert.equal(variable, `\`${variableOf(name)}\``)
      assert.equal(fallback?.replaceAll('`', ''), defaultText(name))
    })
  }

  test('has no setting that is none', () => {
    assert.deepEqual(
      [...rows.keys()].filter((name) => !(name in settings)),
      [],
    )
  })
})

test('the guide mounts as the kernel client is tested', () => {
  const tested = /^ +usual="(.*)"$/m.exec(read('test/interop/guest/run-scenario.sh'))?.[1]
  const options = tested
    ?.replace('$PORT', String(settings['nfs-port'].fallback))
    .replace('$MOUNT_PORT', String(settings['nfs-port'].fallback))
    // The kernel's own default.
    .replace(/,hard$/, '')
  assert.ok(options)
  for (const page of ['README.md', 'docs/guide/first-mount.md']) {
    assert.ok(read(page).includes(`mount -t nfs -o ${options}`), `${page}: -o ${options}`)
  }
})

test('links between pages lead somewhere', () => {
  const files = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT })
  const broken = files.flatMap((file) =>
    [...read(file).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !existsSync(join(ROOT, dirname(file), target)))
      .map((target) => `${file}: ${target}`),
  )
  assert.deepEqual(broken, [])
})

test('every page of the guide is in its list', () => {
  const list = read('docs/guide/README.md')
  const pages = globSync('*.md', { cwd: join(ROOT, 'docs/guide') })
  const missing = pages.filter((page) => !list.includes(`(${page})`))
  assert.deepEqual(missing, ['README.md'])
})
