// RFC 1833 sections 2.2.1 and 3: CALLIT - calls another program for the caller, and answers only
// when that succeeded. It is not done: it would hide who calls, and help to flood a third party.
import { NO_REPLY, type Procedure } from '../../rpc/program.ts'
import { pmapproc } from '../portmap-types.ts'

export const callit: Procedure = {
  number: pmapproc.CALLIT,
  name: 'CALLIT',
  plain: true,
  serve: () => NO_REPLY,
}
