// RFC 5531 section 8.2 and appendix A: AUTH_NONE and AUTH_SYS.
import type { Principal } from '../../auth/principal.ts'
import { Reader } from '../../wire/reader.ts'
import { WireError } from '../../wire/wire-error.ts'
import { auth_flavor, auth_stat, authsys_parms } from './rpc-message.ts'

/** Credentials that cannot be accepted, with the auth_stat that says why. */
export class CredentialError extends Error {
  override readonly name = 'CredentialError'
  readonly stat: (typeof auth_stat)[keyof typeof auth_stat]

  constructor(stat: CredentialError['stat']) {
    super(`credentials refused: auth_stat ${stat}`)
    this.stat = stat
  }
}

/** Credentials of one connection: the same bytes come with nearly every call. */
export class Credentials {
  private readonly reader = new Reader()
  private flavor = -1
  private body = Buffer.alloc(0)
  private principal: Principal | undefined

  /** Throws CredentialError. */
  read(flavor: number, body: Buffer): Principal | undefined {
    if (flavor === this.flavor && body.equals(this.body)) return this.principal
    const principal = this.parse(flavor, body)
    this.flavor = flavor
    this.body = Buffer.from(body)
    this.principal = principal
    return principal
  }

  private parse(flavor: number, body: Buffer): Principal | undefined {
    if (flavor === auth_flavor.AUTH_NONE) return undefined
    if (flavor !== auth_flavor.AUTH_SYS) throw new CredentialError(auth_stat.AUTH_TOOWEAK)
    try {
      this.reader.reset(body)
      const { uid, gid, gids } = authsys_parms.decode(this.reader)
      return { uid, gid, gids }
    } catch (error) {
      if (error instanceof WireError) throw new CredentialError(auth_stat.AUTH_BADCRED)
      throw error
    }
  }
}
