// RFC 5531 section 8.2 and appendix A: AUTH_NONE and AUTH_SYS.
import { crc32 } from 'node:zlib'
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
  private named = 0

  /** The machine named by what was read last, as a number; 0: none. */
  get machine(): number {
    return this.named
  }

  /** Those in bytes [start, end) of a message. Throws CredentialError. */
  read(flavor: number, bytes: Buffer, start: number, end: number): Principal | undefined {
    // Compared where they are: a view of them is more work than to look at them.
    if (flavor === this.flavor && this.body.compare(bytes, start, end) === 0) return this.principal
    const body = Buffer.from(bytes.subarray(start, end))
    const principal = this.parse(flavor, body)
    this.flavor = flavor
    this.body = body
    this.principal = principal
    return principal
  }

  private parse(flavor: number, body: Buffer): Principal | undefined {
    if (flavor === auth_flavor.AUTH_NONE) {
      this.named = 0
      return undefined
    }
    // RFC 5531 section 8.2: a short hand that is not known, so that the long one comes.
    if (flavor === auth_flavor.AUTH_SHORT) throw new CredentialError(auth_stat.AUTH_REJECTEDCRED)
    if (flavor !== auth_flavor.AUTH_SYS) throw new CredentialError(auth_stat.AUTH_TOOWEAK)
    try {
      this.reader.reset(body)
      const { uid, gid, gids, machinename } = authsys_parms.decode(this.reader)
      this.named = machinename === '' ? 0 : crc32(Buffer.from(machinename, 'latin1')) || 1
      return { uid, gid, gids }
    } catch (error) {
      if (error instanceof WireError) throw new CredentialError(auth_stat.AUTH_BADCRED)
      throw error
    }
  }
}
