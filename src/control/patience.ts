import type { FastifyReply } from 'fastify'

/** As long as somebody may read on a page of `less`. */
const PAUSE_MILLIS = 60 * 60_000
const PROBE_MILLIS = 30_000

/**
 * Lets who reads an answer of any length pause for longer than other connections may be silent. How
 * much waits for them is bounded, and so is how many such answers there are. Who is gone without a
 * word is found out by probes.
 */
export function letPause({ raw }: FastifyReply): void {
  const { socket } = raw
  if (socket === null) return
  const usual = socket.timeout ?? 0
  socket.setTimeout(PAUSE_MILLIS)
  socket.setKeepAlive(true, PROBE_MILLIS)
  // The connection may be used again.
  raw.once('finish', () => socket.setTimeout(usual))
}
