/** dfsctl: administration of a running server, over its REST API. */
import { groupCommands, userCommands } from './cli/account-commands.ts'
import { apiOptions } from './cli/api-client.ts'
import { auditCommand } from './cli/audit-command.ts'
import { runCommands } from './cli/commands.ts'
import { journalCommands } from './cli/journal-command.ts'
import { forkCommand, holdCommands, labelCommands } from './cli/moment-commands.ts'
import { diffCommand, historyCommand, restoreCommand, undoCommand } from './cli/past-commands.ts'
import {
  clientCommands,
  collectCommand,
  digestCommand,
  statusCommand,
} from './cli/server-commands.ts'
import { shareCommands } from './cli/share-commands.ts'
import { watchCommand } from './cli/watch-command.ts'

await runCommands(
  'dfsctl',
  'Administration of a running DittoFS server',
  [
    statusCommand,
    shareCommands,
    clientCommands,
    userCommands,
    groupCommands,
    watchCommand,
    digestCommand,
    collectCommand,
    historyCommand,
    diffCommand,
    restoreCommand,
    undoCommand,
    labelCommands,
    holdCommands,
    forkCommand,
    auditCommand,
    journalCommands,
  ],
  apiOptions,
)
