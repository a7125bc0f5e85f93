// RFC 1813 section 3.3.3: LOOKUP - Lookup filename.
import { MAY_EXECUTE, mayAccess } from '../../../auth/access.ts'
import { nameForbids } from '../../../commands/tree/checks.ts'
import type { Refusal } from '../../../journal/refusal.ts'
import { fileKind, ROOT_INO } from '../../../projections/inode.ts'
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { findMoment, HISTORY_INO } from '../../history-moment.ts'
import { HISTORY, type Nfs3, NOW, type Opened } from '../context.ts'
import { isHistory, namesHistory } from '../history.ts'
import { queryProcedure } from '../query.ts'
import { nfs3Status } from '../status.ts'
import { diropargs3, nfs_fh3, OK, post_op_attr, result3 } from '../wire-types.ts'

export const LOOKUP3args = compile(xdr.struct('LOOKUP3args', { what: diropargs3 }))
export const LOOKUP3res = compile(
  result3(
    'LOOKUP3res',
    xdr.struct('LOOKUP3resok', {
      object: nfs_fh3,
      obj_attributes: post_op_attr,
      dir_attributes: post_op_attr,
    }),
    xdr.struct('LOOKUP3resfail', { dir_attributes: post_op_attr }),
  ),
)

interface Found {
  readonly ino: number
  readonly asOf: number
}

/** What a name stands for, or why for nothing. */
function find(dir: Opened, name: string): Found | Refusal {
  const { view, ino, inode, principal, asOf } = dir
  if (inode.kind !== fileKind.directory) return 'notDirectory'
  if (!mayAccess(inode, principal, MAY_EXECUTE)) return 'accessDenied'
  if (name === '.') return { ino, asOf }
  if (name === '..') return parentOf(dir)
  if (namesHistory(dir, name)) return { ino: HISTORY_INO, asOf: HISTORY }
  const bad = nameForbids(name)
  if (bad !== undefined) return bad
  const entry = view.entry(ino, name)
  return entry === undefined ? 'noEntry' : { ino: entry.ino, asOf }
}

function parentOf({ ino, inode, asOf }: Opened): Found {
  if (ino === HISTORY_INO) return { ino: inode.parent, asOf: NOW }
  if (ino === ROOT_INO && asOf !== NOW) return { ino: HISTORY_INO, asOf: HISTORY }
  return { ino: inode.parent, asOf }
}

export const lookup = (nfs: Nfs3) =>
  queryProcedure(nfs, {
    number: 3,
    name: 'LOOKUP',
    args: LOOKUP3args,
    res: LOOKUP3res,
    nameIn: ({ what }) => what.name,
    run: (_, { what }, call) => {
      const dir = nfs.open(what.dir, call)
      if (typeof dir === 'string') return { status: nfs3Status[dir], dir_attributes: undefined }
      const dir_attributes = nfs.attributes(dir)
      const result = (found: Found | Refusal) => {
        if (typeof found === 'string') return { status: nfs3Status[found], dir_attributes }
        const entry = nfs.entryIn(dir, found.ino, found.asOf)
        if (entry === undefined) return { status: nfs3Status.serverFault, dir_attributes }
        const { handle: object, attributes: obj_attributes } = entry
        return { status: OK, object, obj_attributes, dir_attributes }
      }
      const dots = what.name === '.' || what.name === '..'
      if (isHistory(dir) && !dots) return findMoment(nfs.engine, dir.share, what.name).then(result)
      return result(find(dir, what.name))
    },
  })
