// RFC 1833 section 2.2.1: RPCBPROC_GETTIME - the server's time. Seconds since 1970.
import type { Procedure } from '../../rpc/program.ts'
import { RPCBtime, rpcbproc } from '../portmap-types.ts'

export const gettime: Procedure = {
  number: rpcbproc.GETTIME,
  name: 'GETTIME',
  plain: true,
  serve: (_, __, w) => {
    RPCBtime.encode(w, { seconds: Math.floor(Date.now() / 1000) })
    return 0
  },
}
