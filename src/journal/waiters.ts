import { type Frame, lastSeq } from './frame.ts'

/** Readers at the end of a journal, waiting for more. */
export class Waiters {
  private readonly waiting = new Set<() => void>()

  /** Resolves at the next `wake` or when `signal` aborts. Call it before looking for news. */
  wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        this.waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.waiting.add(done)
      signal.addEventListener('abort', done)
    })
  }

  /** A journal's `read`, made of its `stored`: what is there, then what comes, until an abort. */
  async *follow(
    from: number,
    signal: AbortSignal,
    stored: (from: number) => AsyncIterable<Frame>,
  ): AsyncIterable<Frame> {
    let next = from
    while (!signal.aborted) {
      const woken = this.wait(signal)
      for await (const frame of stored(next)) {
        if (signal.aborted) return
        next = lastSeq(frame) + 1
        yield frame
      }
      await woken
    }
  }

  wake(): void {
    for (const done of [...this.waiting]) done()
  }
}
