/** How the control plane follows from its events. */
import type { EventOf } from '../journal/events.ts'
import type { JournalRecord } from '../journal/record.ts'
import { fileKind, newInode, ROOT_INO } from './inode.ts'
import { nodeId } from './node-id.ts'
import { firstShareOptions, type ShareOptions } from './share.ts'
import type { World } from './world.ts'
import { WorldError } from './world-error.ts'

function shareCreated(world: World, event: EventOf<'ShareCreated'>, record: JournalRecord): void {
  const { share: id, name, generation } = event
  const options = { ...firstShareOptions, ...event.options } as ShareOptions
  const { seq } = record
  const share = { id, name, generation, options, labels: {}, holds: {}, deleted: 0 }
  world.control.shares.put(id, share, seq)
  const nextShare = Math.max(world.control.state.nextShare, id + 1)
  world.control.changeState({ nextShare }, seq)
  const root = newInode(fileKind.directory, event, ROOT_INO, record)
  world.inodes.put(nodeId(id, ROOT_INO), 0, { ...root, parent: ROOT_INO }, seq)
  world.changeUsage(id, { nextIno: ROOT_INO + 1, inodes: 1, bytes: 0 }, seq)
}

function shareForked(world: World, event: EventOf<'ShareForked'>, record: JournalRecord): void {
  const { share: id, name, generation, nextIno, inodes, bytes, seq } = event
  const options = { ...firstShareOptions, ...event.options } as ShareOptions
  const base = { share: event.base, seq }
  const share = { id, name, generation, options, labels: {}, holds: {}, base, deleted: 0 }
  world.control.shares.put(id, share, record.seq)
  const nextShare = Math.max(world.control.state.nextShare, id + 1)
  world.control.changeState({ nextShare }, record.seq)
  world.changeUsage(id, { nextIno, inodes, bytes }, record.seq)
}

function shareOf(world: World, id: number, record: JournalRecord) {
  const share = world.control.shares.get(id)
  if (share === undefined) throw new WorldError(`record ${record.seq}: no share ${id}`)
  return share
}

function clientOf(world: World, id: number, record: JournalRecord) {
  const client = world.control.clients.get(id)
  if (client === undefined) throw new WorldError(`record ${record.seq}: no client ${id}`)
  return client
}

function seen(world: World, event: EventOf<'ClientSeen'>, record: JournalRecord): void {
  const { client: id, address } = event
  world.control.putClient({ id, address, mounts: [], since: record.sec }, record.seq)
  const nextClient = Math.max(world.control.state.nextClient, id + 1)
  world.control.changeState({ nextClient }, record.seq)
}

function mounted(world: World, event: EventOf<'ShareMounted'>, record: JournalRecord): void {
  const client = clientOf(world, event.client, record)
  const others = client.mounts.filter((path) => path !== event.path)
  world.control.putClient({ ...client, mounts: [...others, event.path] }, record.seq)
}

function unmounted(world: World, event: EventOf<'ShareUnmounted'>, record: JournalRecord): void {
  const client = clientOf(world, event.client, record)
  const all = event.path === ''
  const mounts = all ? [] : client.mounts.filter((path) => path !== event.path)
  world.control.putClient({ ...client, mounts }, record.seq)
}

const without = (from: Readonly<Record<string, number>>, name: string) =>
  Object.fromEntries(Object.entries(from).filter(([key]) => key !== name))

export const controlFolds = {
  ShareCreated: shareCreated,
  ShareForked: shareForked,
  ShareOptionsChanged: (
    world: World,
    event: EventOf<'ShareOptionsChanged'>,
    record: JournalRecord,
  ) => {
    const share = shareOf(world, event.share, record)
    const options = { ...share.options, ...event.options } as ShareOptions
    world.control.shares.put(share.id, { ...share, options }, record.seq)
  },
  ShareDeleted: (world: World, event: EventOf<'ShareDeleted'>, record: JournalRecord) => {
    const share = shareOf(world, event.share, record)
    world.control.shares.put(share.id, { ...share, deleted: record.seq }, record.seq)
  },
  LabelSet: (world: World, event: EventOf<'LabelSet'>, record: JournalRecord) => {
    const share = shareOf(world, event.share, record)
    const labels = { ...share.labels, [event.label]: event.seq }
    world.control.shares.put(share.id, { ...share, labels }, record.seq)
  },
  LabelRemoved: (world: World, event: EventOf<'LabelRemoved'>, record: JournalRecord) => {
    const share = shareOf(world, event.share, record)
    const labels = without(share.labels, event.label)
    world.control.shares.put(share.id, { ...share, labels }, record.seq)
  },
  HoldPlaced: (world: World, event: EventOf<'HoldPlaced'>, record: JournalRecord) => {
    const share = shareOf(world, event.share, record)
    const holds = { ...share.holds, [event.hold]: event.seq }
    world.control.shares.put(share.id, { ...share, holds }, record.seq)
  },
  HoldReleased: (world: World, event: EventOf<'HoldReleased'>, record: JournalRecord) => {
    const share = shareOf(world, event.share, record)
    const holds = without(share.holds, event.hold)
    world.control.shares.put(share.id, { ...share, holds }, record.seq)
  },
  PastForgotten: (world: World, { share, seq }: EventOf<'PastForgotten'>) =>
    world.forget(share, seq),
  UserCreated: (world: World, event: EventOf<'UserCreated'>, record: JournalRecord) => {
    const { uid, name, gid, gids } = event
    world.control.users.put(uid, { uid, name, gid, gids }, record.seq)
  },
  UserDeleted: (world: World, event: EventOf<'UserDeleted'>, record: JournalRecord) =>
    world.control.users.delete(event.uid, record.seq),
  GroupCreated: (world: World, event: EventOf<'GroupCreated'>, record: JournalRecord) =>
    world.control.groups.put(event.gid, { gid: event.gid, name: event.name }, record.seq),
  GroupDeleted: (world: World, event: EventOf<'GroupDeleted'>, record: JournalRecord) =>
    world.control.groups.delete(event.gid, record.seq),
  ClientSeen: seen,
  ClientForgotten: (world: World, event: EventOf<'ClientForgotten'>, record: JournalRecord) => {
    world.control.deleteClient(clientOf(world, event.client, record), record.seq)
    world.replies.forget(event.client, record.seq)
  },
  ShareMounted: mounted,
  ShareUnmounted: unmounted,
  EpochClaimed: (world: World, event: EventOf<'EpochClaimed'>, record: JournalRecord) =>
    world.control.changeState({ epoch: event.epoch, owner: event.owner }, record.seq),
  HandleKeyCreated: (world: World, event: EventOf<'HandleKeyCreated'>, record: JournalRecord) =>
    world.control.changeState({ handleKey: event.key }, record.seq),
} as const
