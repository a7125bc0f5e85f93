/** Who may use a share, and as whom: the export options, for every protocol that has them. */
import { AddressFilter } from '../auth/networks.ts'
import { type Principal, squashed } from '../auth/principal.ts'
import type { Refusal } from '../journal/refusal.ts'
import type { Control, User } from '../projections/control.ts'
import type { Share, ShareOptions } from '../projections/share.ts'
import type { Caller } from './rpc/program.ts'

/** What was found out about one caller and one share, as long as its options stay the same. */
export interface Permit {
  readonly options: ShareOptions
  readonly refusal: Refusal | undefined
  claimed: Principal | undefined
  /** Whom the server knows by that number, where the share asks it for groups. */
  user: User | undefined
  principal: Principal | undefined
}

const PRIVILEGED_PORTS = 1024

export class Exports {
  private readonly control: Control
  private readonly filters = new WeakMap<ShareOptions, AddressFilter>()

  constructor(control: Control) {
    this.control = control
  }

  /** Who the caller is in this share, or why it may not use it. */
  admit(caller: Caller, share: Share, claimed: Principal | undefined): Principal | Refusal {
    let permit = caller.permits.get(share.id)
    if (permit === undefined || permit.options !== share.options) {
      permit = this.permitFor(caller, share)
      caller.permits.set(share.id, permit)
    }
    if (permit.refusal !== undefined) return permit.refusal
    const user = this.userOf(claimed, share.options)
    const known = permit.claimed === claimed && permit.user === user
    if (permit.principal === undefined || !known) {
      permit.claimed = claimed
      permit.user = user
      permit.principal = principalOf(claimed, user, share.options)
    }
    return permit.principal
  }

  private permitFor({ address, port }: Caller, { options }: Share): Permit {
    let filter = this.filters.get(options)
    if (filter === undefined) {
      filter = new AddressFilter(options.allow)
      this.filters.set(options, filter)
    }
    const insecure = options.securePorts && port >= PRIVILEGED_PORTS
    const refusal = !filter.allows(address) ? 'accessDenied' : insecure ? 'notPermitted' : undefined
    return { options, refusal, claimed: undefined, user: undefined, principal: undefined }
  }

  private userOf(claimed: Principal | undefined, { groups }: ShareOptions): User | undefined {
    if (groups !== 'server' || claimed === undefined) return undefined
    return this.control.users.get(claimed.uid)
  }
}

function principalOf(
  claimed: Principal | undefined,
  user: User | undefined,
  options: ShareOptions,
): Principal {
  const { anonUid: uid, anonGid: gid } = options
  if (claimed === undefined) return { uid, gid, gids: [] }
  if (options.groups !== 'server') return squashed(claimed, options)
  // As rpc.mountd's --manage-gids: the list in the call, sixteen at most, is not looked at.
  return squashed({ ...claimed, gids: user?.gids ?? [] }, options)
}
