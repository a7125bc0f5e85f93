/** Rows of the control plane at their largest: what was decided must fit into the store. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import { commandCodes } from '../../src/journal/command-names.ts'
import type { Event } from '../../src/journal/events.ts'
import { GENESIS_HASH } from '../../src/journal/frame.ts'
import { MiB } from '../../src/platform/limits.ts'
import { World } from '../../src/projections/world.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'

function fold(world: World, event: Event): void {
  world.apply({
    ...{ seq: world.seq + 1, command: commandCodes.SeeClient, sec: 1, nsec: world.seq },
    ...{ share: 0, origin: NO_ORIGIN, refusal: 0, about: undefined, events: [event] },
  })
}

test('a client with as many mounts as a journal may have, of bytes that JSON escapes', () => {
  const store = new MemoryStore()
  const world = new World(store, MiB)
  fold(world, { type: 'ClientSeen', client: 1, address: '192.0.2.1' })
  const paths = Array.from({ length: 256 }, (_, i) => `/export/${'\x01'.repeat(1012)}${1000 + i}`)
  for (const path of paths) fold(world, { type: 'ShareMounted', client: 1, path })
  world.flush(GENESIS_HASH)
  assert.deepEqual(new World(store, MiB).control.clients.get(1)?.mounts, paths)
})

test('a share with as many labels and holds as it may have, and networks', () => {
  const store = new MemoryStore()
  const world = new World(store, MiB)
  const network = (i: number) => `2001:0db8:0000:0000:0000:0000:0000:${(4096 + i).toString(16)}/128`
  const options = { allow: Array.from({ length: 1000 }, (_, i) => network(i)) }
  const root = { mode: 0o777, uid: 0, gid: 0 }
  const name = '/export'
  fold(world, { type: 'ShareCreated', share: 1, name, generation: 1, ...root, options })
  for (let i = 0; i < 1000; i++) {
    const label = `${'n'.repeat(96)}${1000 + i}`
    fold(world, { type: 'LabelSet', share: 1, label, seq: 2 ** 47 - i })
    fold(world, { type: 'HoldPlaced', share: 1, hold: label, seq: 2 ** 47 - i })
  }
  world.flush(GENESIS_HASH)
  const share = new World(store, MiB).control.shares.get(1)
  assert.deepEqual(share, world.control.shares.get(1))
  assert.equal(Object.keys(share?.labels ?? {}).length, 1000)
})
