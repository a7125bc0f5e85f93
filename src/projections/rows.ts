/** The tables of a world: their rows and how much of each stays in memory. */
import { MiB } from '../platform/limits.ts'
import * as wire from '../wire/schema.ts'
import { inodeSchema } from './inode.ts'
import type { TableSpec } from './table-spec.ts'

/** What a name in a directory stands for. */
export const entrySchema = wire.struct('entry', { ino: wire.varuint, cookie: wire.varuint })
export type Entry = wire.Infer<typeof entrySchema>

/** The same, found by cookie: the order in which a directory is listed. */
export const listingSchema = wire.struct('listing', { name: wire.varstring, ino: wire.varuint })
export type Listing = wire.Infer<typeof listingSchema>

/** A link beyond the first, under `dir/cookie`. */
export const linkSchema = wire.struct('link', { dir: wire.varuint, cookie: wire.varuint })
export type Link = wire.Infer<typeof linkSchema>

/** An extent under its offset. `block` is empty for a hole. */
export const extentSchema = wire.struct('extent', {
  length: wire.varuint,
  block: wire.varstring,
  blockOffset: wire.varuint,
})
export type ExtentRow = wire.Infer<typeof extentSchema>

/** An extent map that nothing live refers to any more, by content id, and since when. */
export const graveSchema = wire.struct('grave', { since: wire.varuint })

/**
 * What a cut has left in an extent map behind the end of its file, by content id: extents that
 * begin in [from, end).
 */
export const remainsSchema = wire.struct('remains', {
  ino: wire.varuint,
  from: wire.varuint,
  end: wire.varuint,
})
export type Remains = wire.Infer<typeof remainsSchema>

/** What a share has handed out and holds. Not temporal: it changes with every write. */
export const usageSchema = wire.struct('usage', {
  nextIno: wire.varuint,
  inodes: wire.varuint,
  bytes: wire.varuint,
})
export type Usage = wire.Infer<typeof usageSchema>

/**
 * Rows of the control plane are JSON: they are few, and options come and go. The largest that a
 * journal can amount to is a client with 256 mounts of 1024 bytes, each of which JSON escapes.
 */
const JSON_MAX = 2 * MiB
export const jsonSchema = wire.struct('json', { text: wire.text(JSON_MAX) })

const base = { temporal: true, digested: true } as const

const remains = {
  ...base,
  temporal: false,
  name: 'remains',
  id: 9,
  schema: remainsSchema,
  memory: MiB,
  weightOf: () => 60,
} satisfies TableSpec<Remains>

/** Shares of the memory that projections may keep, in sixteenths. */
const sixteenths = { inodes: 7, entries: 4, listings: 1, extents: 3, links: 1 }

/** `memory`: bytes for rows in memory, over all tables that do not stay whole. */
export function tableSpecs(memory: number) {
  const part = (name: keyof typeof sixteenths) => (memory / 16) * sixteenths[name]
  return {
    inodes: {
      ...base,
      runs: true,
      name: 'inodes',
      id: 1,
      schema: inodeSchema,
      memory: part('inodes'),
      weightOf: (inode) => 400 + inode.target.length,
    } satisfies TableSpec<wire.Infer<typeof inodeSchema>>,
    entries: {
      ...base,
      name: 'entries',
      id: 2,
      schema: entrySchema,
      memory: part('entries'),
      weightOf: () => 80,
    } satisfies TableSpec<Entry>,
    listings: {
      ...base,
      name: 'listings',
      id: 3,
      schema: listingSchema,
      memory: part('listings'),
      weightOf: ({ name }) => 60 + name.length,
    } satisfies TableSpec<Listing>,
    links: {
      ...base,
      name: 'links',
      id: 4,
      schema: linkSchema,
      memory: part('links'),
      weightOf: () => 60,
    } satisfies TableSpec<wire.Infer<typeof linkSchema>>,
    // Extents count in the digest of their inode, so that freeing one costs nothing.
    extents: {
      ...base,
      digested: false,
      name: 'extents',
      id: 5,
      schema: extentSchema,
      memory: part('extents'),
      weightOf: () => 120,
    } satisfies TableSpec<ExtentRow>,
    graves: {
      temporal: false,
      digested: false,
      name: 'graves',
      id: 6,
      schema: graveSchema,
      memory: MiB,
      weightOf: () => 40,
    } satisfies TableSpec<wire.Infer<typeof graveSchema>>,
    remains,
    usage: {
      temporal: false,
      digested: true,
      name: 'usage',
      id: 7,
      schema: usageSchema,
      memory: Infinity,
      weightOf: () => 60,
    } satisfies TableSpec<Usage>,
    control: {
      ...base,
      name: 'control',
      id: 8,
      schema: jsonSchema,
      memory: Infinity,
      weightOf: ({ text }) => text.length,
    } satisfies TableSpec<wire.Infer<typeof jsonSchema>>,
  }
}
