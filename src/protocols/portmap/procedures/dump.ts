// RFC 1833 sections 2.2.1 and 3: RPCBPROC_DUMP and PMAPPROC_DUMP - everything that is served.
import type { Procedure } from '../../rpc/program.ts'
import { PMAPdump, pmapproc, protocol, RPCBdump, rpcbproc } from '../portmap-types.ts'
import { netid, type Services, universalAddress } from '../services.ts'

/** Whom the programs belong to: as rpcbind names the user that registered them. */
const OWNER = 'superuser'

export const pmapDump = (services: Services): Procedure => ({
  number: pmapproc.DUMP,
  name: 'DUMP',
  plain: true,
  streamOnly: true,
  serve: (_, __, w) => {
    const pmaplist = services.all.map(({ program, version, transport, port }) => ({
      prog: program,
      vers: version,
      prot: protocol[transport],
      port,
    }))
    PMAPdump.encode(w, { pmaplist })
    return 0
  },
})

export const rpcbDump = (services: Services): Procedure => ({
  number: rpcbproc.DUMP,
  name: 'DUMP',
  plain: true,
  streamOnly: true,
  serve: (_, call, w) => {
    const rpcblist = services.all.map(({ program, version, transport, port }) => ({
      r_prog: program,
      r_vers: version,
      r_netid: netid(transport, call),
      r_addr: universalAddress(port, call),
      r_owner: OWNER,
    }))
    RPCBdump.encode(w, { rpcblist })
    return 0
  },
})
