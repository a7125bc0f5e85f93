/**
 * What the records of a block do not say themselves and an audit has to: the names behind numbers,
 * and how things were before they were changed. Kept beside the filter for as long as the journal,
 * so that an answer does not depend on retention. docs/formats/audit-index.md.
 *
 * Everything has a place `at` in the block, 0 to 511, from which on it holds. Where names lie in
 * the tree follows from the block's own events too: both who writes a context and who reads one
 * call `namesOf` for each record first, and then add what is written down for its place.
 */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { Packr } from 'msgpackr'
import type { Event } from '../journal/events.ts'

export interface NodeName {
  readonly parent: number
  readonly name: string
}

/** How an inode was before a record changed it. */
export interface InodeBefore {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
}

/** Flat rows, as they are stored. */
export interface ContextRows {
  /** at, share, name */
  shares: (number | string)[]
  /** at, client, address */
  clients: (number | string)[]
  /** at, uid, name */
  users: (number | string)[]
  /** at, share, inode, inode of its directory, name */
  nodes: (number | string)[]
  /** at, inode, mode, uid, gid, size */
  inodes: number[]
  /** at, what it was, as JSON */
  settings: (number | string)[]
}

/** What a context takes at most, unpacked: a damaged one must not take all memory. */
const BYTES_MAX = 256 * 1024 * 1024

const packr = new Packr({ useRecords: false })

export const noRows = (): ContextRows => ({
  shares: [],
  clients: [],
  users: [],
  nodes: [],
  inodes: [],
  settings: [],
})

export function packContext(rows: ContextRows): Buffer {
  const { shares, clients, users, nodes, inodes, settings } = rows
  const packed = packr.pack([shares, clients, users, nodes, inodes, settings])
  return zstdCompressSync(packed)
}

export function unpackContext(bytes: Buffer): ContextRows {
  const packed = zstdDecompressSync(bytes, { maxOutputLength: BYTES_MAX })
  const [shares, clients, users, nodes, inodes, settings] = packr.unpack(packed) as [
    ContextRows['shares'],
    ContextRows['clients'],
    ContextRows['users'],
    ContextRows['nodes'],
    ContextRows['inodes'],
    ContextRows['settings'],
  ]
  return { shares, clients, users, nodes, inodes, settings }
}

/** What an event says about where an inode is: there, somewhere that must be looked up, nothing. */
export function namesOf(
  event: Event,
): { readonly ino: number; readonly at: NodeName | undefined } | undefined {
  switch (event.type) {
    case 'FileCreated':
    case 'DirectoryCreated':
    case 'SymlinkCreated':
    case 'SpecialFileCreated':
      return { ino: event.ino, at: { parent: event.dir, name: event.name } }
    case 'EntryLinked':
    case 'EntryUnlinked':
    case 'EntryRenamed':
    case 'InodeFreed':
      return { ino: event.ino, at: undefined }
    default:
      return undefined
  }
}
