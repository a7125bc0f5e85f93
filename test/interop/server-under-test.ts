/** What the tests need to know of a server: how it starts, dies, stops, and is mounted. */
import type { EnclosedProcess, Enclosure } from './enclosure.ts'
import type { Requirement } from './prerequisites.ts'

/** Where a server runs. The same place is handed to every start, so a restart finds its data. */
export interface ServerPlace {
  readonly enclosure: Enclosure
  /** The server's own; empty at the first start. */
  readonly directory: string
  readonly address: string
  readonly port: number
  /** Receives every line that the server prints. */
  readonly log: (line: string) => void
}

export interface RunningServer {
  readonly process: EnclosedProcess
  readonly exportPath: string
  readonly mountPort: number
  /** On top of the usual ones, comma-separated; for weaknesses that are not to be tested. */
  readonly mountOptions?: string
  /** What it printed when it became ready, where it prints such a thing. */
  readonly ready: Readonly<Record<string, unknown>>
}

export interface ServerUnderTest {
  readonly name: string
  readonly requirements: readonly Requirement[]
  /** Starts the server and resolves when it serves. */
  start(place: ServerPlace): Promise<RunningServer>
  /**
   * Called after each scenario with the server still running and nothing mounted, to check the
   * server from inside. What it throws fails the scenario. The server's addresses are reachable
   * from inside the enclosure only: see `Enclosure.run`.
   */
  afterScenario?(server: RunningServer, place: ServerPlace): Promise<void>
}
