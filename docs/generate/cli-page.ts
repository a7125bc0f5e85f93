/** docs/guide/cli.md: the commands' own help, so that the page and the programs cannot differ.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Description } from '../../src/control/cli/commands.ts'

const BIN = join(import.meta.dirname, '../../bin')

const INTRODUCTION = `# Command line

<!-- Made by \`npm run docs\` from the programs' own help: do not edit. -->

\`dfs\` starts the server, and has tools for a data directory that need no server. \`dfsctl\`
administrates a
server that runs, over its REST API. From a checkout they are \`npx dfs\` and \`npx dfsctl\`.

Both exit with 0 when it is done, 1 when it failed or something was found, and 2 when the
command line is wrong; what
went wrong is on stderr. With \`--json\` stdout has JSON for scripts. \`COMMAND --help\` prints
what is below,
\`dfs help --json\` and \`dfsctl help --json\` all of it for programs.
`

const abouts = {
  dfs: 'The server, and tools for its data directory.',
  dfsctl: 'Administration of a running server.',
} as const

export function cliPage(): string {
  const programs = Object.entries(abouts).map(([program, about]) => {
    const commands = describe(program)
    const contents = commands.map(({ path, summary }) => `| \`${path}\` | ${summary} |`)
    const heading = `## ${program}\n\n${about}\n\n| command | what it does |\n| --- | --- |`
    return [`${heading}\n${contents.join('\n')}\n`, ...commands.map(section)].join('\n')
  })
  return [INTRODUCTION, ...programs].join('\n')
}

function describe(program: string): readonly Description[] {
  const env = { PATH: process.env['PATH'] }
  const args = [join(BIN, `${program}.cjs`), 'help', '--json']
  return JSON.parse(execFileSync(process.execPath, args, { env, encoding: 'utf8' }))
}

function section({ path, usage, summary, help }: Description): string {
  const text = help.trimEnd()
  return `### ${path}\n\n${summary}\n\n\`\`\`text\n${path} ${usage}\n\n${text}\n\`\`\`\n`
}
