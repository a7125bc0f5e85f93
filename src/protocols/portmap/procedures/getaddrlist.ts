// RFC 1833 section 2.2.2: RPCBPROC_GETADDRLIST - the addresses of a version on all transports.
import { isIPv6 } from 'node:net'
import type { Procedure } from '../../rpc/program.ts'
import { RPCBaddresses, RPCBrpcb, rpcbproc, semantics } from '../portmap-types.ts'
import { netid, type Services, universalAddress } from '../services.ts'

export const getaddrlist = (services: Services): Procedure => ({
  number: rpcbproc.GETADDRLIST,
  name: 'GETADDRLIST',
  plain: true,
  serve: (reader, call, w) => {
    const { r_prog, r_vers } = RPCBrpcb.decode(reader)
    const found = services.all.filter((s) => s.program === r_prog && s.version === r_vers)
    const rpcb_entry_list = found.map(({ transport, port }) => ({
      r_maddr: universalAddress(port, call),
      r_nc_netid: netid(transport, call),
      r_nc_semantics: transport === 'tcp' ? semantics.NC_TPI_COTS_ORD : semantics.NC_TPI_CLTS,
      r_nc_protofmly: isIPv6(call.caller.local) ? 'inet6' : 'inet',
      r_nc_proto: transport,
    }))
    RPCBaddresses.encode(w, { rpcb_entry_list })
    return 0
  },
})
