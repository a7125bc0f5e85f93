import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Replies } from '../../src/projections/replies.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { anOrigin, aRecord } from '../journal/records.ts'

test('a call is found by the whole of its checksum', () => {
  const replies = new Replies(new MemoryStore())
  const call = { ...anOrigin, xid: 7, checksum: 0x0010_0001 }
  replies.fold({ ...aRecord(5, 'a'), origin: call })
  assert.equal(replies.find(call.client, call.xid, call.checksum), 5)
  assert.equal(replies.find(call.client, call.xid, 0x0020_0001), 0, 'another of the same end')
})
