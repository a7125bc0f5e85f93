/**
 * Whether a request means this server. A web page can have its own name resolve to our address (DNS
 * rebinding), and a browser then lets it read what we answer; but the browser says that name in
 * `Host`. So what needs no token is answered only under addresses, and names known to be ours.
 */
import { isIP } from 'node:net'
import type { Log } from '../platform/log.ts'
import { RepeatLimiter } from '../platform/repeat-limiter.ts'
import { Problem } from './problem.ts'

/** Names that are told apart in the log, within a minute. */
const NAMES_LOGGED = 16
const SHOWN = 100

/** Undefined: only programs leave it out, such as load balancers that look whether we live. */
type HostHeader = string | undefined

interface Refused {
  readonly host: string
  readonly from: string
}

export class HostCheck {
  private readonly exact: ReadonlySet<string>
  private readonly endings: readonly string[]
  private readonly refusals: RepeatLimiter<Refused>

  /** `names`: as the setting `api-hosts` has them. */
  constructor(names: readonly string[], log: Log) {
    const patterns = names.filter((name) => name.startsWith('*.'))
    this.exact = new Set(['localhost', ...names])
    // Browsers take what is below localhost for this machine without asking anybody.
    this.endings = ['.localhost', ...patterns.map((pattern) => pattern.slice(1))]
    const tell = ({ host, from }: Refused, count: number): boolean => {
      log.warn({ host, from, count }, 'API request under a name that is not in api-hosts')
      return true
    }
    this.refusals = new RepeatLimiter({ tell, kinds: NAMES_LOGGED })
  }

  accepts(host: HostHeader): boolean {
    if (host === undefined) return true
    const { address, name } = partsOf(host)
    if (isIP(address) !== 0) return true
    return this.exact.has(name) || this.endings.some((ending) => name.endsWith(ending))
  }

  /** What to answer. */
  refuse(host: HostHeader = '', from: string): Problem {
    const shown = host.slice(0, SHOWN)
    this.refusals.add(shown, { host: shown, from })
    return Problem.of(
      'misdirected',
      `This server does not know that it is called "${shown}". Ask for its address instead, send ` +
        'the token, or have the setting api-hosts (DITTOFS_API_HOSTS) name it.',
    )
  }
}

/** `uri-host [ ":" port ]` of RFC 9110 section 7.2. Any port: it may be forwarded. */
function partsOf(host: string): { readonly address: string; readonly name: string } {
  const [, bracketed, bare = ''] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d*)?$/.exec(host) ?? []
  const name = bare.toLowerCase().replace(/\.$/, '')
  return { address: bracketed ?? bare, name }
}
