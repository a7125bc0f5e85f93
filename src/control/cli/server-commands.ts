import type { Answers, CollectionAnswer, DigestAnswer, StatusAnswer } from '../answers.ts'
import { ApiClient, apiHelp, apiOptions } from './api-client.ts'
import type { CliCommand, CliGroup } from './commands.ts'
import { print, textDuration, textPairs, textSize, textTable } from './text-table.ts'

export const statusCommand: CliCommand = {
  name: 'status',
  summary: 'what the server is doing',
  usage: '[--json]',
  help: apiHelp,
  options: apiOptions,
  run: async ({ values }) => {
    const status = await new ApiClient(values).get<StatusAnswer>('/v1/status')
    print(values, status, textOfStatus(status))
    return 0
  },
}

function textOfStatus(status: StatusAnswer): string {
  const { positions, backlog, staging, memory, disk, connections } = status
  const room = `${textSize(disk.free)} free of ${textSize(disk.total)}`
  return textPairs([
    ['version', status.version],
    ['up', textDuration(status.uptime)],
    ['decided', positions.decided],
    ['durable', positions.durable],
    ['published', positions.published],
    ['flushed', positions.flushed],
    ['epoch', `${status.epoch} of ${status.owner}`],
    ['backlog', `${backlog.records} records, ${textSize(backlog.bytes)}`],
    ['staging', `${staging.files} files, ${textSize(staging.bytes)}`],
    ['projections', `${textSize(memory.projections)} in memory`],
    ['content', `${textSize(memory.content)} in memory`],
    ['process', textSize(memory.resident)],
    ['disk', disk.full ? `full: ${room}` : room],
    ['connections', `${connections.open} open, ${connections.underWay} calls under way`],
    ['held up', status.pressure === null ? 'no' : `${connections.paused} by ${status.pressure}`],
    ['reopened', status.reopened],
    ['shares', status.shares],
    ['clients', status.clients],
  ])
}

export const digestCommand: CliCommand = {
  name: 'digest',
  summary: 'the digest of all state at one moment',
  usage: '[--audit] [--json]',
  help: `It is the same as that of \`dfs digest\` once the server has stopped, and of every rebuild.

  --audit              compare the rows in memory with the store too, which makes clients wait;
                       exit status 1 when there are any that differ

${apiHelp}`,
  options: { ...apiOptions, audit: { type: 'boolean' } },
  run: async ({ values }) => {
    const path = values['audit'] === true ? '/v1/digest?audit=1' : '/v1/digest'
    const answer = await new ApiClient(values).get<DigestAnswer>(path)
    print(values, answer, answer.digest)
    const { seq, divergences } = answer
    if (values['json'] !== true) process.stderr.write(`record ${seq}\n`)
    if (divergences === undefined || divergences.length === 0) return 0
    process.stderr.write(`rows that differ from the store:\n${divergences.join('\n')}\n`)
    return 1
  },
}

export const collectCommand: CliCommand = {
  name: 'collect',
  summary: 'forget what retention does not cover, and give its space back',
  usage: '[--json]',
  help: `The server does the same by itself every few minutes. One round empties a bounded number
of files of content: repeat it until it finds none.

${apiHelp}`,
  options: apiOptions,
  run: async ({ values }) => {
    const answer = await new ApiClient(values).post<CollectionAnswer>('/v1/collection', {})
    print(
      values,
      answer,
      textPairs([
        ['past versions', `${answer.versions} forgotten`],
        ['content', `${answer.segments} files of ${textSize(answer.bytes)} removed`],
        ['blocks', `${answer.moved} moved, ${answer.dropped} dropped`],
        ['damaged', answer.damaged],
      ]),
    )
    return 0
  },
}

const listClients: CliCommand = {
  name: 'list',
  summary: 'list the clients',
  usage: '[--json]',
  help: `Every address that has used the server, until it is forgotten.\n\n${apiHelp}`,
  options: apiOptions,
  run: async ({ values }) => {
    const answer = await new ApiClient(values).get<Answers['clients']>('/v1/clients')
    const rows = answer.clients.map(({ address, connections, since, mounts }) => [
      address,
      connections,
      since.replace('.000Z', 'Z'),
      mounts.join(' '),
    ])
    print(values, answer, textTable(['ADDRESS', 'CONNECTIONS', 'SINCE', 'MOUNTS'], rows))
    return 0
  },
}

export const clientCommands: CliGroup = {
  name: 'client',
  summary: 'list the clients',
  commands: [listClients],
}
