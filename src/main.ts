/** The command line: `dfs start`, and the tools that work on a data directory offline. */

import { runCommands } from './control/cli/commands.ts'
import { fsckCommand } from './control/cli/fsck.ts'
import { journalCommand } from './control/cli/journal.ts'
import { digestCommand, rebuildCommand } from './control/cli/offline.ts'
import { startCommand } from './start.ts'

await runCommands('dfs', 'An event-sourced network file server', [
  startCommand,
  digestCommand,
  rebuildCommand,
  journalCommand,
  fsckCommand,
])
