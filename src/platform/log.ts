import { type Logger, pino } from 'pino'

export type Log = Logger

/** Structured lines on stderr; stdout belongs to whoever scripts us. */
export function createLog(level: string): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2))
}

export const silentLog: Log = pino({ level: 'silent' })
