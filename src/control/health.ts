/** Whether the server does what it is for, and if not, why and what to do. */
import type { Engine } from '../commands/engine.ts'
import type { Running } from './running.ts'

export interface HealthReason {
  readonly code: 'not-serving' | 'disk-full' | 'journal' | 'follower' | 'pressure'
  readonly detail: string
}

/** How long something may have work and not get on before it counts as stuck. */
const STUCK_MILLIS = 10_000
const WATCH_MILLIS = 1000

interface Gait {
  readonly code: HealthReason['code']
  /** Whether there is something to do. */
  readonly waits: (engine: Engine) => boolean
  /** Grows as it is done. */
  readonly progress: (engine: Engine) => number
  readonly detail: (engine: Engine) => string
}

// Being behind is what a busy server is; standing still while behind is what is wrong.
const gaits: readonly Gait[] = [
  {
    code: 'journal',
    waits: ({ stream }) => stream.decided > stream.durable,
    progress: ({ stream }) => stream.durable,
    detail: ({ stream }) =>
      `${stream.decided - stream.durable} records wait for the journal's disk, which does not ` +
      'answer. Check the disk below the data directory.',
  },
  {
    code: 'follower',
    waits: ({ stream, world }) => stream.durable > world.stored.seq,
    progress: ({ world }) => world.stored.seq,
    detail: ({ stream, world }) =>
      `The projections stand still ${stream.durable - world.stored.seq} records behind the ` +
      'journal. Check the disk below the data directory, and the log.',
  },
  {
    code: 'pressure',
    waits: ({ pressure }) => pressure.blocked() !== undefined,
    progress: ({ stream, world }) => stream.durable + world.stored.seq,
    detail: ({ pressure }) =>
      `Clients are held up because ${pressure.blocked()} is full and does not drain. Check the ` +
      'disk below the data directory, and the log.',
  },
]

interface Standing {
  progress: number
  /** Since when it has had work and not got on. */
  since: number
}

export class Health {
  private readonly running: Running
  private readonly now: () => number
  private readonly timer: NodeJS.Timeout
  private readonly standing = new Map<Gait, Standing>()
  private engine: Engine | undefined

  constructor(running: Running, now: () => number = () => performance.now()) {
    this.running = running
    this.now = now
    this.timer = setInterval(() => this.watch(), WATCH_MILLIS).unref()
  }

  /** Looks who has got on since the last look. */
  watch(): void {
    const engine = this.running.serving()?.engine
    if (engine !== this.engine) this.standing.clear()
    this.engine = engine
    if (engine === undefined) return
    const now = this.now()
    for (const gait of gaits) {
      const progress = gait.progress(engine)
      const standing = this.standing.get(gait)
      if (standing?.progress === progress && gait.waits(engine)) continue
      this.standing.set(gait, { progress, since: now })
    }
  }

  /** Empty: it is well. */
  reasons(): readonly HealthReason[] {
    const { phase } = this.running
    const engine = this.running.serving()?.engine
    if (engine === undefined || phase === 'stopping') return [notServing(phase)]
    this.watch()
    const reasons: HealthReason[] = []
    if (engine.space.space() === 'full') {
      const detail =
        'The disk is full: changes are refused, deleting goes on. Delete something, or add space.'
      reasons.push({ code: 'disk-full', detail })
    }
    for (const gait of gaits) {
      const since = this.standing.get(gait)?.since ?? this.now()
      if (!gait.waits(engine) || this.now() - since < STUCK_MILLIS) continue
      reasons.push({ code: gait.code, detail: gait.detail(engine) })
    }
    return reasons
  }

  stop(): void {
    clearInterval(this.timer)
  }
}

function notServing(phase: Running['phase']): HealthReason {
  const details = {
    starting: 'The journal is being replayed.',
    serving: 'Nothing is served.',
    reopening: 'The stream is broken and is being reopened; the log says why.',
    stopping: 'The server is stopping.',
  } as const satisfies Record<Running['phase'], string>
  return { code: 'not-serving', detail: details[phase] }
}
