import {
  PMAP_VERSION,
  PMAPdone,
  PMAPdump,
  PMAPmapping,
  PMAPport,
  PORTMAP_PROGRAM,
  pmapproc,
  RPCBaddress,
  RPCBaddresses,
  RPCBdump,
  RPCBrpcb,
  RPCBtime,
  rpcbproc,
} from '../../src/protocols/portmap/portmap-types.ts'
import { compile } from '../../src/wire/compile.ts'
import type { Codec } from '../../src/wire/schema.ts'
import * as xdr from '../../src/wire/schema.ts'
import type { Procedure } from './rpc-call.ts'

const nothing = compile(xdr.nothing)

const row =
  <Names extends Record<string, number>>(version: number, numbers: Names) =>
  <Args, Result>(
    name: keyof Names & string,
    args: Codec<Args>,
    result: Codec<Result>,
  ): Procedure<Args, Result> => ({
    name: `program ${PORTMAP_PROGRAM} version ${version} ${name}`,
    program: PORTMAP_PROGRAM,
    version,
    number: numbers[name] as number,
    args,
    result,
  })

const pmapRow = row(PMAP_VERSION, pmapproc)

/** RFC 1833 section 3: version 2. */
export const pmap = {
  null: pmapRow('NULL', nothing, nothing),
  set: pmapRow('SET', PMAPmapping, PMAPdone),
  unset: pmapRow('UNSET', PMAPmapping, PMAPdone),
  getport: pmapRow('GETPORT', PMAPmapping, PMAPport),
  dump: pmapRow('DUMP', nothing, PMAPdump),
  callit: pmapRow('CALLIT', nothing, nothing),
}

/** RFC 1833 section 2: versions 3 and 4. */
export const rpcb = (version: number) => {
  const rpcbRow = row(version, rpcbproc)
  return {
    null: rpcbRow('NULL', nothing, nothing),
    set: rpcbRow('SET', RPCBrpcb, PMAPdone),
    unset: rpcbRow('UNSET', RPCBrpcb, PMAPdone),
    getaddr: rpcbRow('GETADDR', RPCBrpcb, RPCBaddress),
    dump: rpcbRow('DUMP', nothing, RPCBdump),
    gettime: rpcbRow('GETTIME', nothing, RPCBtime),
    getversaddr: rpcbRow('GETVERSADDR', RPCBrpcb, RPCBaddress),
    getaddrlist: rpcbRow('GETADDRLIST', RPCBrpcb, RPCBaddresses),
  }
}
