/** What src/journal/settle-worker.ts does, asked by what stands for the log thread. */
import type { Settled, Settler } from '../../src/journal/settler.ts'
import type { Area } from '../../src/journal/tail-log.ts'
import type { Settling } from '../../src/journal/tail-writer.ts'
import type { SimulatedThread } from './simulated-thread.ts'

export interface SettlingOptions {
  readonly settler: Settler
  readonly thread: SimulatedThread
  /** In the thread. */
  readonly onSettled: (settled: Settled) => void
  readonly onFailure: (error: Error) => void
}

export class SimulatedSettling implements Settling {
  private readonly options: SettlingOptions
  private asked: { readonly area: Area; readonly end: number } | undefined
  segment: number

  constructor(options: SettlingOptions) {
    this.options = options
    this.segment = options.settler.blocks.segment
  }

  get busy(): boolean {
    return this.asked !== undefined
  }

  begin(area: Area, end: number): void {
    this.asked = { area, end }
    this.options.thread.call(() => this.settle()).catch(this.options.onFailure)
  }

  /** The thread does it while the other one waits. */
  wait(): void {
    this.settle()
  }

  /** Nothing, when somebody has waited for it meanwhile. */
  private settle(): void {
    if (this.asked === undefined) return
    const { settler, onSettled } = this.options
    const settled = settler.settle(this.asked.area, this.asked.end)
    this.asked = undefined
    this.segment = settler.blocks.segment
    onSettled(settled)
  }
}
