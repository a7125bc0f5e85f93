// RFC 1833 sections 2.2.1 and 3: SET and UNSET - refused: only programs of this server are listed,
// and whoever registers its own could take calls that were meant for another.
import type { Procedure } from '../../rpc/program.ts'
import { PMAPdone, PMAPmapping, pmapproc, RPCBrpcb } from '../portmap-types.ts'

type Name = 'SET' | 'UNSET'

const refusing = (
  name: Name,
  args: { decode: typeof PMAPmapping.decode | typeof RPCBrpcb.decode },
) => {
  const procedure: Procedure = {
    number: pmapproc[name],
    name,
    plain: true,
    serve: (reader, _, w) => {
      args.decode(reader)
      PMAPdone.encode(w, { done: false })
      return 0
    },
  }
  return procedure
}

export const pmapSet = (name: Name): Procedure => refusing(name, PMAPmapping)

export const rpcbSet = (name: Name): Procedure => refusing(name, RPCBrpcb)
