import { domainToASCII } from 'node:url'

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`)
const NAME_MAX = 253

/**
 * A host's name as browsers spell it in `Host`: small letters, other scripts as Punycode, no dot at
 * the end. undefined: it is none.
 */
export function hostName(text: string): string | undefined {
  const name = domainToASCII(text).replace(/\.$/, '')
  return NAME.test(name) && name.length <= NAME_MAX ? name : undefined
}

/** The same of a name that may begin with `*.`, for all names below it. */
export function hostPattern(text: string): string | undefined {
  if (!text.startsWith('*.')) return hostName(text)
  const name = hostName(text.slice(2))
  return name === undefined ? undefined : `*.${name}`
}
