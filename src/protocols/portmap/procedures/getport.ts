// RFC 1833 section 3: PMAPPROC_GETPORT - where a program is served; 0: nowhere.
import type { Procedure } from '../../rpc/program.ts'
import { PMAPmapping, PMAPport, pmapproc, protocol } from '../portmap-types.ts'
import type { Services } from '../services.ts'

export const getport = (services: Services): Procedure => ({
  number: pmapproc.GETPORT,
  name: 'GETPORT',
  plain: true,
  serve: (reader, _, w) => {
    const { prog, vers, prot } = PMAPmapping.decode(reader)
    const transport = prot === protocol.udp ? 'udp' : 'tcp'
    const known = prot === protocol.udp || prot === protocol.tcp
    const found = known ? services.find({ program: prog, version: vers, transport }) : undefined
    PMAPport.encode(w, { port: found?.port ?? 0 })
    return 0
  },
})
