import { flushCompileCache } from 'node:module'
import { isShareName } from './commands/shares/create-share.ts'
import { type CliCommand, UsageError } from './control/cli/commands.ts'
import { abort } from './platform/abort.ts'
import { ConfigError, loadConfig, settings, settingsHelp } from './platform/config.ts'
import { boundHeapGrowth } from './platform/heap.ts'
import { createLog } from './platform/log.ts'
import { Server } from './server.ts'

const flags = Object.fromEntries(
  Object.entries(settings).map(([name, { kind }]) => [
    name,
    { type: kind === 'flag' ? 'boolean' : 'string' } as const,
  ]),
)

export const startCommand: CliCommand = {
  name: 'start',
  summary: 'serve a data directory',
  usage: '[--data DIR] [--config FILE] [--listen ADDR] [--nfs-port N] [--api-port N] [--portmap]',
  help: `Serves until SIGTERM or SIGINT, which finish what is under way, make everything durable and
exit with 0. When clients are served, and the REST API for dfsctl, it prints one line on stdout:

  ready {"nfs":"ADDR:PORT","api":"ADDR:PORT"}

and "portmap":"ADDR:PORT" in it with --portmap.

Logs go to stderr. Settings come from flags, then the environment (DITTOFS_NFS_PORT …), then the
TOML file of --config, then these defaults:

  --config FILE            settings, one a line: nfs-port = 12049
${settingsHelp()}`,
  options: { ...flags, config: { type: 'string' } },
  run: async ({ values }) => {
    boundHeapGrowth()
    const { config: file, ...given } = values
    const config = read(given, typeof file === 'string' ? file : process.env['DITTOFS_CONFIG'])
    const log = createLog(config['log-level'])
    process.on('uncaughtException', (err) => {
      log.fatal({ err }, 'the server ends, since it does not know what to do')
      abort()
    })
    const server = new Server(config, log, (err, closed) => {
      log.fatal({ err }, 'the data directory is gone')
      if (closed) process.exit(1)
      abort()
    })
    const stop = async (signal: string) => {
      log.info({ signal }, 'stopping')
      try {
        await server.stop()
      } catch (err) {
        log.fatal({ err }, 'not everything could be made durable')
        process.exit(1)
      }
      log.info('stopped')
      process.exit(0)
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    const addresses = await server.start()
    // Now, when nobody waits; a server that is killed has no other time for it.
    flushCompileCache()
    process.stdout.write(`ready ${JSON.stringify(addresses)}\n`)
    return undefined
  },
}

function read(
  values: Readonly<Record<string, string | boolean | undefined>>,
  file: string | undefined,
) {
  try {
    const config = loadConfig({ flags: values, environment: process.env, file })
    if (isShareName(config['share-name'])) return config
    throw new ConfigError('share-name: an absolute path such as /export expected')
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message)
    throw error
  }
}
