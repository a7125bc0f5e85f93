/**
 * Tells of what happens again and again at a bounded rate: the first time at once, then once a
 * window, with how often it happened since. So nobody can fill a journal by being refused.
 */
export interface RepeatLimiterOptions<T> {
  /** `count`: times that are told of at once. False: it cannot be told now, and must be later. */
  readonly tell: (what: T, count: number) => boolean
  readonly windowMillis?: number
  /** Kinds that are told apart; what is beyond them shares a window. */
  readonly kinds?: number
  readonly now?: () => number
}

interface Window<T> {
  what: T
  count: number
  ends: number
}

const WINDOW_MILLIS = 60_000
const KINDS = 1024
const BEYOND = ''

export class RepeatLimiter<T> {
  private readonly tell: (what: T, count: number) => boolean
  private readonly windowMillis: number
  private readonly kinds: number
  private readonly now: () => number
  private readonly windows = new Map<string, Window<T>>()
  private timer: NodeJS.Timeout | undefined

  constructor(options: RepeatLimiterOptions<T>) {
    this.tell = options.tell
    this.windowMillis = options.windowMillis ?? WINDOW_MILLIS
    this.kinds = options.kinds ?? KINDS
    this.now = options.now ?? (() => performance.now())
  }

  /** It happened. `what`: the last one of a window is told. */
  add(kind: string, what: T): void {
    const known = this.windows.get(kind)
    const key = known === undefined && this.windows.size >= this.kinds ? BEYOND : kind
    const open = known ?? this.windows.get(key)
    if (open !== undefined) {
      open.what = what
      open.count += 1
      return
    }
    const count = this.tell(what, 1) ? 0 : 1
    this.windows.set(key, { what, count, ends: this.now() + this.windowMillis })
    this.arm()
  }

  /** Ends the windows that are over. */
  sweep(): void {
    const now = this.now()
    for (const [kind, open] of this.windows) {
      if (open.ends > now) continue
      if (open.count === 0) this.windows.delete(kind)
      else this.close(open, now)
    }
    this.arm()
  }

  /** Tells of everything that is not told of yet. */
  flush(): void {
    const now = this.now()
    for (const open of this.windows.values()) if (open.count > 0) this.close(open, now)
  }

  private close(open: Window<T>, now: number): void {
    if (this.tell(open.what, open.count)) open.count = 0
    open.ends = now + this.windowMillis
  }

  /** A timer only while there is something to sweep, and none that keeps a process alive. */
  private arm(): void {
    if (this.timer !== undefined || this.windows.size === 0) return
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.sweep()
    }, this.windowMillis).unref()
  }
}
