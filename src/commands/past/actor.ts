/** Who a record speaks of, in words. */
import { commandNameOf, operationNameOf } from '../../journal/command-names.ts'
import type { JournalRecord, Origin } from '../../journal/record.ts'
import type { World } from '../../projections/world.ts'

export interface Who {
  /** The name of a user that the server knows, else the number; of an administrator `token`. */
  readonly user: string
  readonly uid: number
  /** The address that it came from; `server` for what the server did by itself. */
  readonly client: string
}

export function whoOf(world: World, { uid, client, actor }: Origin): Who {
  if (actor !== undefined) return { user: actor.name, uid, client: actor.address }
  const user = world.control.users.get(uid)?.name ?? String(uid)
  return { user, uid, client: clientName(world, client) }
}

/** The address of a client, also of one that was forgotten since. */
function clientName(world: World, client: number): string {
  if (client === 0) return 'server'
  return world.control.clients.get(client)?.address ?? `client ${client}`
}

/** Protocol and operation, `nfs3.WRITE`; or the command, where no protocol was involved. */
export const operationOf = ({ origin, command }: JournalRecord): string =>
  operationNameOf(origin.op) ?? commandNameOf(command) ?? String(command)
