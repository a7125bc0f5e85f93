import { type Logger, pino } from 'pino'

export type Log = Logger

const STDERR = 2
/** pino's number for it. */
const FATAL = 60

/** Structured lines on stderr; stdout belongs to whoever scripts us. */
export function createLog(level: string): Log {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  // Behind what is fatal the process is gone at once, and with it what a thread was to write.
  const lastWords = pino(options, pino.destination({ dest: STDERR, sync: true }))
  const hooks = {
    logMethod(this: Logger, args: Parameters<Logger['info']>, method: Logger['info'], at: number) {
      if (at >= FATAL) lastWords.fatal(...args)
      else method.apply(this, args)
    },
  }
  return pino({ ...options, hooks }, pino.destination(STDERR))
}

export const silentLog: Log = pino({ level: 'silent' })
