import { commandCodes, operations } from '../../src/journal/command-names.ts'
import type { JournalRecord, Origin } from '../../src/journal/record.ts'

export const anOrigin: Origin = {
  op: operations['nfs3.CREATE'],
  client: 1,
  uid: 1000,
  gid: 1000,
  xid: 0xdeadbeef,
  checksum: 0xcafe,
}

/** A record as CREATE leaves it. */
export function aRecord(seq: number, name: string): JournalRecord {
  return {
    seq,
    command: commandCodes.CreateFile,
    sec: 1_700_000_000,
    nsec: seq,
    share: 1,
    origin: anOrigin,
    refusal: 0,
    about: undefined,
    events: [
      {
        type: 'FileCreated',
        dir: 1,
        name,
        ino: 1 + seq,
        cookie: 2 + seq,
        generation: 99,
        mode: 0o644,
        uid: 1000,
        gid: 1000,
        atime: undefined,
        mtime: undefined,
        verifier: undefined,
      },
    ],
  }
}
