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

  wake(): void {
    for (const done of [...this.waiting]) done()
  }
}
