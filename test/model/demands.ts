/** Outcomes that the model expects. */
import type { Errno, Expected, Success } from './operations.ts'

export const succeed = (value: Success): Expected => ({ value, errors: new Set() })
export const fail = (...errors: readonly Errno[]): Expected => ({
  value: undefined,
  errors: new Set(errors),
})

/** Collects every error that applies: POSIX does not say which of several is returned. */
export class Demands {
  readonly errors = new Set<Errno>()

  that(condition: boolean, ...otherwise: readonly Errno[]): this {
    if (!condition) for (const errno of otherwise) this.errors.add(errno)
    return this
  }

  get unmet(): Expected | undefined {
    return this.errors.size > 0 ? { value: undefined, errors: this.errors } : undefined
  }
}
