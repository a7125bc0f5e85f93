/** The server as the control plane sees it. Whoever runs it says so: control/ knows no protocol. */
import type { Engine } from '../commands/engine.ts'
import type { CallTally } from '../platform/metrics.ts'

export interface Serving {
  readonly engine: Engine
  /** Aborted when its stream breaks: what waits for the engine would wait for ever. */
  readonly lost: AbortSignal
}

export interface ClientConnections {
  readonly connections: number
  /** Calls that have no reply yet. */
  readonly underWay: number
  /** Closed because the peer broke the rules, since the start. */
  readonly abused: number
  /** Closed because there were too many or nothing was served, since the start. */
  readonly rejected: number
}

export interface Running {
  readonly phase: 'starting' | 'serving' | 'reopening' | 'stopping'
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** How often the stream broke and was opened again. */
  readonly reopened: number
  readonly calls: CallTally
  /** The engine of this moment: it is another one after the stream was reopened. */
  serving(): Serving | undefined
  connections(): ClientConnections
  /** Open connections by the address that they come from. */
  connectionsByAddress(): ReadonlyMap<string, number>
}
