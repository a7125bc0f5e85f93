import type { HeadFile } from '../../journal/signed-head.ts'
import { ApiClient, apiHelp, apiOptions } from './api-client.ts'
import type { CliCommand, CliGroup } from './commands.ts'
import { printHead } from './head-options.ts'

const headCommand: CliCommand = {
  name: 'head',
  summary: 'export the end of the journal, and sign it',
  usage: '[--sign KEYFILE]',
  help: `Whoever keeps it elsewhere can show later that nothing before it was cut off, added or
changed: dfs journal verify --data DIR --head FILE --public-key FILE.

  --sign KEYFILE       an Ed25519 key (PKCS #8, PEM), which does not leave this machine

${apiHelp}`,
  options: { ...apiOptions, sign: { type: 'string' } },
  run: async ({ values }) => {
    printHead(await new ApiClient(values).get<HeadFile>('/v1/journal/head'), values)
    return 0
  },
}

export const journalCommands: CliGroup = {
  name: 'journal',
  summary: 'export the end of the journal',
  commands: [headCommand],
}
