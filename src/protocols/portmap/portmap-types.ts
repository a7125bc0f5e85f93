// RFC 1833: the port mapper (program 100000 version 2), and RPCBIND versions 3 and 4.
import { compile } from '../../wire/compile.ts'
import * as xdr from '../../wire/schema.ts'

export const PORTMAP_PROGRAM = 100000
export const PMAP_VERSION = 2
export const RPCB_VERSION_3 = 3
export const RPCB_VERSION_4 = 4

export const pmapproc = { NULL: 0, SET: 1, UNSET: 2, GETPORT: 3, DUMP: 4, CALLIT: 5 } as const
export const rpcbproc = {
  NULL: 0,
  SET: 1,
  UNSET: 2,
  GETADDR: 3,
  DUMP: 4,
  CALLIT: 5,
  GETTIME: 6,
  GETVERSADDR: 9,
  GETADDRLIST: 11,
} as const

/** Transport protocols by the numbers that version 2 has for them (IPPROTO_TCP, IPPROTO_UDP). */
export const protocol = { tcp: 6, udp: 17 } as const

/** RFC 1833 section 2.1: `nc_semantics` of a transport, as TI-RPC counts them. */
export const semantics = { NC_TPI_CLTS: 1, NC_TPI_COTS_ORD: 3 } as const

const STRING_MAX = 255
const ENTRIES_MAX = 64

const mapping = xdr.struct('mapping', {
  prog: xdr.u32,
  vers: xdr.u32,
  prot: xdr.u32,
  port: xdr.u32,
})
export const PMAPmapping = compile(mapping)
export const PMAPdump = compile(
  xdr.struct('PMAPdump', { pmaplist: xdr.list(mapping, ENTRIES_MAX) }),
)
export const PMAPport = compile(xdr.struct('PMAPport', { port: xdr.u32 }))

const rpcb = xdr.struct('rpcb', {
  r_prog: xdr.u32,
  r_vers: xdr.u32,
  r_netid: xdr.text(STRING_MAX),
  r_addr: xdr.text(STRING_MAX),
  r_owner: xdr.text(STRING_MAX),
})
export const RPCBrpcb = compile(rpcb)
export const RPCBdump = compile(xdr.struct('RPCBdump', { rpcblist: xdr.list(rpcb, ENTRIES_MAX) }))
export const RPCBaddress = compile(xdr.struct('RPCBaddress', { uaddr: xdr.text(STRING_MAX) }))
export const RPCBtime = compile(xdr.struct('RPCBtime', { seconds: xdr.u32 }))

const rpcb_entry = xdr.struct('rpcb_entry', {
  r_maddr: xdr.text(STRING_MAX),
  r_nc_netid: xdr.text(STRING_MAX),
  r_nc_semantics: xdr.u32,
  r_nc_protofmly: xdr.text(STRING_MAX),
  r_nc_proto: xdr.text(STRING_MAX),
})
export const RPCBaddresses = compile(
  xdr.struct('RPCBaddresses', { rpcb_entry_list: xdr.list(rpcb_entry, ENTRIES_MAX) }),
)

/** What SET and UNSET answer. */
export const PMAPdone = compile(xdr.struct('PMAPdone', { done: xdr.bool }))
