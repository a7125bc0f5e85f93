/**
 * Taken between bounded pieces of work, so that clients are served meanwhile. Rejects when nobody
 * waits for the result any more: then the work ends where it is.
 */
export type Pause = () => Promise<void>
