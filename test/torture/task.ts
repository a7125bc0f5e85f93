import type { Session } from '../protocols/session.ts'

/** Something that clients do, which remembers what was acknowledged. */
export interface Task {
  /** Operations that were answered. */
  readonly acknowledged: number
  /** Works until the server is gone for good, or until it is told to pause. */
  work(session: Session, paused: () => boolean): Promise<void>
  /** Compares what is there with what was acknowledged. Throws when it is not as it must be. */
  verify(session: Session): Promise<void>
}
