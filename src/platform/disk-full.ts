/**
 * Whether an error says that the disk is full. Node's carries a code; LMDB's has the system's
 * number or only its words.
 */
const ENOSPC = 28
const EDQUOT = 122

export function isFull(error: unknown): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  if (code === 'ENOSPC' || code === 'EDQUOT') return true
  if (Number(code) === ENOSPC || Number(code) === EDQUOT) return true
  return typeof message === 'string' && /no space left|disk quota exceeded/i.test(message)
}
