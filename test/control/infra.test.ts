/** The files in infra/ and the guide name what a running server has. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { settings } from '../../src/platform/config.ts'
import { mount3 } from '../client/mount3-client.ts'
import { RpcClient } from '../client/rpc-client.ts'
import { ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'
import { serveApi } from './running-server.ts'

/** Why a test that needs a program is left out; false: it is there. */
const lacks = (name: string): string | false =>
  spawnSync(name, ['--version']).status === 0 ? false : `there is no ${name}`

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const GUIDE = 'docs/guide/monitoring.md'
const ALERTS = 'infra/prometheus/alerts.yml'
const DASHBOARD = 'infra/grafana/dashboard.json'

const server = await serveApi()
const rpc = await RpcClient.connect({ port: server.nfsPort })
await rpc.call(mount3.null, {})
await rpc.close()
// Twice, so that there has been a request.
await server.metrics()
const metrics = await server.metrics()

/** Names of what is told, those of a histogram's parts among them. */
function told(): ReadonlySet<string> {
  const types = [...metrics.matchAll(/^# TYPE (\w+) (\w+)$/gm)]
  const parts = ['_bucket', '_sum', '_count']
  return new Set(
    types.flatMap(([, name = '', type]) =>
      type === 'histogram' ? [name, ...parts.map((part) => name + part)] : [name],
    ),
  )
}

const named = (text: string): readonly string[] => [...text.matchAll(/\bdittofs_\w+/g)].map(String)

describe('metrics', () => {
  for (const file of [ALERTS, DASHBOARD, GUIDE]) {
    test(`that ${file} names are told`, () => {
      // `dittofs_process_…` in the guide stands for many.
      const names = named(read(file)).filter((name) => !/^dittofs_(process|nodejs)_$/.test(name))
      assert.ok(names.length > 10)
      assert.deepEqual(
        names.filter((name) => !told().has(name)),
        [],
      )
    })
  }

  test('that are told are in the guide', () => {
    const known = new Set(named(read(GUIDE)))
    const missing = [...metrics.matchAll(/^# TYPE (dittofs_(?!process_|nodejs_)\w+)/gm)]
      .map(([, name = '']) => name)
      .filter((name) => !known.has(name))
    assert.deepEqual(missing, [])
  })

  test('are selected by labels and values that they have', () => {
    const text = `${read(ALERTS)}\n${read(DASHBOARD).replaceAll('\\"', '"')}`
    const selectors = [...text.matchAll(/\b(dittofs_\w+)\{([^}]*)\}/g)].flatMap(
      ([, name = '', labels = '']) =>
        [...labels.matchAll(/(\w+)="(\w+)"/g)].map(([pair]) => ({ name, pair })),
    )
    assert.ok(selectors.length > 3)
    const wrong = selectors.filter(
      ({ name, pair }) => !new RegExp(`^${name}\\{.*${pair}`, 'm').test(metrics),
    )
    assert.deepEqual(wrong, [])
  })

  test('have labels that the legends of the dashboard name', () => {
    const { panels } = JSON.parse(read(DASHBOARD)) as {
      readonly panels: readonly {
        readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
      }[]
    }
    for (const { expr, legendFormat } of panels.flatMap(({ targets }) => targets)) {
      const [name = ''] = named(expr)
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        // Prometheus adds it when it scrapes.
        if (label === 'instance') continue
        assert.match(metrics, new RegExp(`^${name}\\{.*\\b${label}=`, 'm'), `${label} of ${name}`)
      }
    }
  })
})

describe('how the server is started', () => {
  test('by systemd, with a program and flags that are there', () => {
    const unit = read('infra/systemd/dittofs.service')
    const [, command = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? []
    const [node = '', ...words] = command.split(' ')
    const [program = '', verb, ...flags] = words
    assert.match(unit, /^Environment=MALLOC_ARENA_MAX=2$/m)
    const name = /node_modules\/([^/]+)\/bin\/node$/.exec(node)?.[1]
    assert.ok(name !== undefined && name in JSON.parse(read('package.json')).optionalDependencies)
    assert.ok(read(program.replace('/opt/dittofs/', '')).includes('startCommand'))
    assert.equal(verb, 'start')
    const unknown = flags.filter((f) => f.startsWith('--') && !(f.slice(2) in settings))
    assert.deepEqual(unknown, [])
  })

  test('by systemd, with the system calls that it makes', () => {
    const unit = read('infra/systemd/dittofs.service')
    const filters = [...unit.matchAll(/^SystemCallFilter=(.*)$/gm)].map(([, names]) => names)
    // Of those that @privileged and @resources take away.
    assert.deepEqual(filters, ['@system-service', '~@privileged @resources', 'setpriority'])
  })

  test('in a sandbox that forbids priorities', { skip: lacks('strace') }, async () => {
    const { path: data, remove } = temporaryDirectory('sandbox')
    const trace = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=setpriority']
    const words = [...trace, '-e', 'inject=setpriority:error=EPERM', process.execPath]
    const more = ['start', '--data', data, '--nfs-port', '0', '--api-port', '0']
    const child = spawn('strace', [...words, join(ROOT, 'bin/dfs.cjs'), ...more], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const exited = once(child, 'exit')
    try {
      const [ready] = (await once(createInterface(child.stdout), 'line')) as [string]
      const { api } = JSON.parse(ready.slice('ready '.length))
      const token = readFileSync(join(data, 'token'), 'utf8').trim()
      const headers = { authorization: `Bearer ${token}` }
      const ask = async (path: string) => (await fetch(`http://${api}${path}`, { headers })).text()
      // First: it waits for what has been decided.
      assert.match(await ask('/v1/audit'), /CreateShare/)
      assert.match(await ask('/v1/feed?after=oldest&follow=false'), /share\.created/)
      assert.equal(JSON.parse(await ask('/v1/status')).reopened, 0)
    } finally {
      const traced = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
      process.kill(Number(traced.trim()), 'SIGTERM')
    }
    assert.deepEqual(await exited, [0, null])
    remove()
  })

  test('from the command line, with few arenas', async () => {
    const { path: data, remove } = temporaryDirectory('launched')
    const server = await ServerProcess.start({ data })
    const words = (file: string) => readFileSync(`/proc/${server.pid}/${file}`, 'utf8').split('\0')
    assert.ok(words('environ').includes('MALLOC_ARENA_MAX=2'))
    assert.equal(await server.stop(), 0)
    remove()
  })

  test('in a container, with the ports and variables that it has', () => {
    const file = read('infra/container/Dockerfile')
    const command = JSON.parse(/^CMD (\[.*\])$/m.exec(file)?.[1] ?? '[]')
    assert.deepEqual(command, ['node', 'src/main.ts', 'start'])
    assert.match(file, /^ENV .*\bMALLOC_ARENA_MAX=2$/m)
    const ports = /^EXPOSE (.*)$/m.exec(file)?.[1]
    const { 'nfs-port': nfs, 'api-port': api } = settings
    assert.equal(ports, `${nfs.fallback} ${api.fallback}`)
    const variables = [...file.matchAll(/DITTOFS_(\w+)=/g)].map(([, name = '']) => name)
    const known = Object.keys(settings).map((key) => key.toUpperCase().replaceAll('-', '_'))
    assert.deepEqual(
      variables.filter((variable) => !known.includes(variable)),
      [],
    )
  })
})
