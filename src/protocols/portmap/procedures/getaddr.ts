// RFC 1833 section 2.2.1: RPCBPROC_GETADDR and RPCBPROC_GETVERSADDR - the universal address of a
// program, on the transport that the question came by; the empty string: nowhere.
import type { Procedure } from '../../rpc/program.ts'
import { RPCBaddress, RPCBrpcb, rpcbproc } from '../portmap-types.ts'
import { type Services, universalAddress } from '../services.ts'

const procedure = (
  services: Services,
  name: 'GETADDR' | 'GETVERSADDR',
  exactly: boolean,
): Procedure => ({
  number: rpcbproc[name],
  name,
  plain: true,
  serve: (reader, call, w) => {
    const { r_prog: program, r_vers: version } = RPCBrpcb.decode(reader)
    const { transport } = call.caller
    const found = services.find({ program, version, transport, exactly })
    RPCBaddress.encode(w, { uaddr: found ? universalAddress(found.port, call) : '' })
    return 0
  },
})

export const getaddr = (services: Services): Procedure => procedure(services, 'GETADDR', false)

export const getversaddr = (services: Services): Procedure =>
  procedure(services, 'GETVERSADDR', true)
