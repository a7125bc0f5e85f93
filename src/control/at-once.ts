import type { FastifyReply } from 'fastify'
import { Problem } from './problem.ts'

/** Bounds how many answers of a kind that takes much memory are under way. */
export class AtOnce {
  private readonly most: number
  private readonly what: string
  private count = 0

  constructor(most: number, what: string) {
    this.most = most
    this.what = what
  }

  /** Until the answer is over, one way or the other. */
  admit({ raw }: FastifyReply): void {
    if (raw.closed) return
    if (this.count >= this.most) {
      throw Problem.of('unavailable', `${this.most} ${this.what} are under way. Try again later.`)
    }
    this.count += 1
    raw.once('close', () => {
      this.count -= 1
    })
  }
}
