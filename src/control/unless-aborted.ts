/** It did not come in time. */
export class LateError extends Error {
  override readonly name = 'LateError'
}

/** Settles as `promise` does, or rejects when the signal is aborted or the time is up first. */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  millis?: number,
): Promise<T> {
  const { promise: given, resolve, reject } = Promise.withResolvers<T>()
  const onAbort = () => reject(signal.reason)
  const onLate = () => reject(new LateError(`not done in ${millis} ms`))
  const timer = millis === undefined ? undefined : setTimeout(onLate, millis).unref()
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  promise.then(resolve, reject)
  try {
    return await given
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
