// RFC 1833: program 100000 versions 2 (port mapper), 3 and 4 (RPCBIND).
import { type Procedure, type Program, programOf } from '../rpc/program.ts'
import { PMAP_VERSION, PORTMAP_PROGRAM, RPCB_VERSION_3, RPCB_VERSION_4 } from './portmap-types.ts'
import { callit } from './procedures/callit.ts'
import { pmapDump, rpcbDump } from './procedures/dump.ts'
import { getaddr, getversaddr } from './procedures/getaddr.ts'
import { getaddrlist } from './procedures/getaddrlist.ts'
import { getport } from './procedures/getport.ts'
import { gettime } from './procedures/gettime.ts'
import { pmapSet, rpcbSet } from './procedures/set.ts'
import { type Service, Services } from './services.ts'

const nothing: Procedure = { number: 0, name: 'NULL', plain: true, serve: () => 0 }

/** Tells where the given services are, and where it is itself: on TCP and UDP at `port`. */
export function portmapPrograms(port: number, others: readonly Service[]): readonly Program[] {
  const itself = [RPCB_VERSION_4, RPCB_VERSION_3, PMAP_VERSION].flatMap((version) =>
    (['tcp', 'udp'] as const).map((transport) => ({
      program: PORTMAP_PROGRAM,
      version,
      transport,
      port,
    })),
  )
  const services = new Services([...itself, ...others])
  const sets = [pmapSet('SET'), pmapSet('UNSET')]
  const v2 = [nothing, ...sets, getport(services), pmapDump(services), callit]
  const resets = [rpcbSet('SET'), rpcbSet('UNSET')]
  const v3 = [nothing, ...resets, getaddr(services), rpcbDump(services), callit, gettime]
  const v4 = [...v3, getversaddr(services), getaddrlist(services)]
  return [
    programOf(PORTMAP_PROGRAM, PMAP_VERSION, 'portmap2', v2),
    programOf(PORTMAP_PROGRAM, RPCB_VERSION_3, 'rpcbind3', v3),
    programOf(PORTMAP_PROGRAM, RPCB_VERSION_4, 'rpcbind4', v4),
  ]
}
