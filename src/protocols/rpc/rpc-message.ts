// RFC 5531 section 9: the RPC message protocol, version 2.
import { compile } from '../../wire/compile.ts'
import * as xdr from '../../wire/schema.ts'

export const RPC_VERSION = 2
export const msg_type = { CALL: 0, REPLY: 1 } as const
export const reply_stat = { MSG_ACCEPTED: 0, MSG_DENIED: 1 } as const
export const accept_stat = {
  SUCCESS: 0,
  PROG_UNAVAIL: 1,
  PROG_MISMATCH: 2,
  PROC_UNAVAIL: 3,
  GARBAGE_ARGS: 4,
  SYSTEM_ERR: 5,
} as const
export const reject_stat = { RPC_MISMATCH: 0, AUTH_ERROR: 1 } as const
export const auth_stat = {
  AUTH_OK: 0,
  AUTH_BADCRED: 1,
  AUTH_REJECTEDCRED: 2,
  AUTH_BADVERF: 3,
  AUTH_REJECTEDVERF: 4,
  AUTH_TOOWEAK: 5,
  AUTH_INVALIDRESP: 6,
  AUTH_FAILED: 7,
} as const
export const auth_flavor = { AUTH_NONE: 0, AUTH_SYS: 1, AUTH_SHORT: 2, RPCSEC_GSS: 6 } as const

/** RFC 5531 section 8.2: the body of credentials and verifiers is at most 400 bytes. */
export const MAX_AUTH_BYTES = 400

const opaque_auth = xdr.struct('opaque_auth', {
  flavor: xdr.u32,
  body: xdr.opaque(MAX_AUTH_BYTES),
})

/** A call up to its arguments, which follow it. */
export const call_header = compile(
  xdr.struct('call_header', {
    xid: xdr.u32,
    mtype: xdr.u32,
    rpcvers: xdr.u32,
    prog: xdr.u32,
    vers: xdr.u32,
    proc: xdr.u32,
    cred: opaque_auth,
    verf: opaque_auth,
  }),
)

const mismatch_info = xdr.struct('mismatch_info', { low: xdr.u32, high: xdr.u32 })
const accepted_reply = xdr.struct('accepted_reply', {
  verf: opaque_auth,
  reply_data: xdr.union(
    'reply_data',
    'stat',
    accept_stat,
    { 0: xdr.nothing, 2: mismatch_info },
    xdr.nothing,
  ),
})
const rejected_reply = xdr.struct('rejected_reply', {
  rejection: xdr.union('rejection', 'stat', reject_stat, {
    0: mismatch_info,
    1: xdr.struct('auth_error', { auth: xdr.enumOf('auth_stat', auth_stat) }),
  }),
})

/** A reply up to its results, which follow it when it is accepted with SUCCESS. */
export const reply_header = compile(
  xdr.struct('reply_header', {
    xid: xdr.u32,
    mtype: xdr.u32,
    reply: xdr.union('reply', 'stat', reply_stat, { 0: accepted_reply, 1: rejected_reply }),
  }),
)

/** RFC 5531 appendix A: AUTH_SYS credentials. */
export const authsys_parms = compile(
  xdr.struct('authsys_parms', {
    stamp: xdr.u32,
    machinename: xdr.byteString(255),
    uid: xdr.u32,
    gid: xdr.u32,
    gids: xdr.array(xdr.u32, 16),
  }),
)
