import type { FastifyInstance } from 'fastify'
import type { Engine } from '../../commands/engine.ts'
import { TooMuchError } from '../../commands/past/diff.ts'
import type { Pause } from '../../commands/past/pause.ts'
import { type TakenStep, undo } from '../../commands/past/undo.ts'
import { type UndoFilter, type UndoStep, undoPlan } from '../../commands/past/undo-plan.ts'
import { servingNow } from '../admin.ts'
import type { AtOnce } from '../at-once.ts'
import { answerLines, lineResponses } from '../line-answers.ts'
import { momentNamed, momentText, shareNamed } from '../moment-of.ts'
import { Problem } from '../problem.ts'
import type { Running } from '../running.ts'
import { count, flag, object, shareName, text } from '../schemas.ts'
import { tooMuch } from './past.ts'

interface Body {
  readonly share: string
  readonly since: string
  readonly client?: string
  readonly user?: string
  readonly dryRun?: boolean
  readonly force?: boolean
}

const undoneStep = object(
  {
    action: { ...text, description: 'move back, remove, bring back, restore content …' },
    path: text,
    from: { ...text, description: 'Where it is now, when it is moved back.' },
    as: { ...count, description: 'The record after which it was as it becomes again.' },
    conflict: object({ seq: count, user: text, client: text }),
    result: { ...text, description: 'planned, done, conflict, or why it could not be done.' },
  },
  ['from', 'conflict'],
)

/** `comparing`: for what remembers all that was touched since a moment. */
export function undoRoute(app: FastifyInstance, running: Running, comparing: AtOnce): void {
  app.post<{ Body: Body }>(
    '/v1/undo',
    {
      schema: {
        tags: ['past'],
        summary: 'Undo what somebody did to a share',
        description:
          'Brings back what all that they touched since a moment was before. What somebody else ' +
          'has touched after them is a conflict, and left as it is unless `force` is true. The ' +
          'steps are new changes: they can be undone again.',
        body: object(
          {
            share: shareName,
            since: momentText,
            client: { ...text, maxLength: 100, description: 'The address of a client.' },
            user: { ...text, maxLength: 100, description: 'A user, by name or number.' },
            dryRun: { ...flag, description: 'Tell what would be done, and do nothing.' },
            force: { ...flag, description: 'Also what is a conflict.' },
          },
          ['client', 'user', 'dryRun', 'force'],
        ),
        response: lineResponses('Steps, one a line, as they are taken.', undoneStep),
      },
    },
    async (request, reply) => {
      const serving = servingNow(running)
      comparing.admit(reply)
      const { engine } = serving
      const { body } = request
      const share = shareNamed(engine, body.share)
      const since = await momentNamed(serving, share, body.since, { needsTree: false })
      const until = await momentNamed(serving, share, 'now')
      const client = body.client === undefined ? undefined : clientNamed(engine, body.client)
      const uid = body.user === undefined ? undefined : userNamed(engine, body.user)
      const filter = { share: share.id, since, until, client, uid }
      return answerLines(reply, serving, (pause) => steps(engine, filter, body, pause))
    },
  )
}

async function* steps(
  engine: Engine,
  filter: UndoFilter,
  { dryRun = false, force = false }: Body,
  pause: Pause,
): AsyncIterable<object> {
  const plan = await planned(engine, filter, pause)
  if (dryRun) {
    for (const step of plan) yield shown({ step, result: 'planned' })
    return
  }
  for await (const taken of undo({ engine, share: filter.share, plan, force, pause })) {
    yield shown(taken)
  }
}

async function planned(
  { world, journal }: Engine,
  filter: UndoFilter,
  pause: Pause,
): Promise<readonly UndoStep[]> {
  try {
    const plan = await undoPlan(world, filter, journal.stored(filter.since + 1), pause)
    // What was forgotten while the plan was made would be removed as if it had been new.
    if (filter.since >= world.horizon(filter.share)) return plan
  } catch (error) {
    if (error instanceof TooMuchError) throw tooMuch(error)
    throw error
  }
  throw Problem.refused('outOfRetention')
}

function shown({ step, result }: TakenStep | { step: UndoStep; result: 'planned' }): object {
  const { action, path, from, seq, conflict } = step
  return {
    action,
    path,
    ...(from !== undefined && { from }),
    as: seq,
    ...(conflict !== undefined && { conflict }),
    result,
  }
}

function clientNamed({ world }: Engine, text: string): number {
  const client = world.control.clientByAddress(text)
  if (client !== undefined) return client.id
  throw Problem.refused(
    'unknown',
    `No client has come from ${text}. GET /v1/clients, or dfsctl client list, lists them.`,
  )
}

function userNamed({ world }: Engine, text: string): number {
  for (const { name, uid } of world.control.users.values()) if (name === text) return uid
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw Problem.refused('unknown', `There is no user ${text}. A number is taken as it is.`)
}
