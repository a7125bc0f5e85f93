/**
 * What the server counts on its way, in plain numbers. Those who count know nothing of those who
 * show it (control/), and counting costs a few additions: calls are answered hundreds of thousands
 * of times a second.
 */

/** Told of every call of one procedure when its reply leaves. Must not allocate or throw. */
export interface ProcedureMeter {
  /** `status` as the protocol numbers it, 0 for success. `micros`: since the call arrived. */
  answered(status: number, micros: number): void
}

export interface CallMeter {
  /** Asked for once per procedure, when programs are put together, not per call. */
  procedure(program: string, procedure: string): ProcedureMeter
}

const nothing: ProcedureMeter = { answered: () => undefined }

/** For whoever wants no numbers. */
export const noCallMeter: CallMeter = { procedure: () => nothing }

/** Upper bounds of latencies that are told apart, ascending. Microseconds. */
export const LATENCY_BOUNDS = [
  50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
  5_000_000,
] as const

export class ProcedureTally implements ProcedureMeter {
  readonly program: string
  readonly procedure: string
  private succeeded = 0
  private readonly refused = new Map<number, number>()
  /** Calls by latency: one count per bound, and one for what is above them all. */
  readonly latencies = new Float64Array(LATENCY_BOUNDS.length + 1)
  micros = 0

  constructor(program: string, procedure: string) {
    this.program = program
    this.procedure = procedure
  }

  /** Calls by status. */
  *statuses(): Iterable<readonly [status: number, calls: number]> {
    if (this.succeeded > 0) yield [0, this.succeeded]
    yield* this.refused
  }

  answered(status: number, micros: number): void {
    if (status === 0) this.succeeded += 1
    else this.refused.set(status, (this.refused.get(status) ?? 0) + 1)
    this.micros += micros
    let i = 0
    while (i < LATENCY_BOUNDS.length && micros > (LATENCY_BOUNDS[i] as number)) i += 1
    this.latencies[i] = (this.latencies[i] as number) + 1
  }
}

/** Counts that outlive the programs that are counted: a reopened stream goes on where it was. */
export class CallTally implements CallMeter {
  private readonly tallies = new Map<string, ProcedureTally>()

  procedure(program: string, procedure: string): ProcedureMeter {
    const key = `${program} ${procedure}`
    const tally = this.tallies.get(key) ?? new ProcedureTally(program, procedure)
    this.tallies.set(key, tally)
    return tally
  }

  all(): Iterable<ProcedureTally> {
    return this.tallies.values()
  }
}
