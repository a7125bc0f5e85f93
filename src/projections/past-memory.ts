/** What has been looked up of past moments, and can be forgotten at any time. */
interface Remembering {
  /** Forgets all of it. */
  forget(): void
}

/**
 * Bounds what all views of the past remember together. A single moment may use all of it; when it
 * is full, the others forget what they have first.
 */
export class PastMemory {
  private readonly bytes: number
  /** In the order in which they began to remember. */
  private readonly views = new Map<Remembering, number>()
  private used = 0

  constructor(bytes: number) {
    this.bytes = bytes
  }

  /** A view remembers so much more. */
  add(view: Remembering, bytes: number): void {
    this.used += bytes
    this.views.set(view, (this.views.get(view) ?? 0) + bytes)
    if (this.used <= this.bytes) return
    for (const other of this.views.keys()) {
      if (this.used <= this.bytes / 2) return
      if (other !== view) this.drop(other)
    }
    if (this.used > this.bytes) this.drop(view)
  }

  /** A view forgets all that it has. */
  drop(view: Remembering): void {
    this.used -= this.views.get(view) ?? 0
    this.views.delete(view)
    view.forget()
  }
}
