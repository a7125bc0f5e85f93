import { stable_how } from '../../src/protocols/nfs3/procedures/write.ts'
import { nfs3, ok } from '../../test/client/nfs3-client.ts'
import {
  type BenchCase,
  CREATE_DIRECTORIES,
  FILE_BYTES,
  LISTING_ENTRIES,
  type Load,
  TREE,
  type WorkingSet,
} from '../cases.ts'
import { callRecord } from './call-record.ts'
import type { CallSource } from './call-source.ts'
import {
  CreateCalls,
  Payloads,
  PickedCalls,
  ReadCalls,
  StreamedWriteCalls,
  WriteCalls,
} from './call-sources.ts'
import { ListingCalls } from './listing-calls.ts'
import { Random } from './random.ts'
import {
  makeDirectories,
  makeDirectory,
  makeFile,
  makeFiles,
  makeFullFile,
  makeTree,
  type NamedFile,
  USER,
  type Workplace,
} from './working-set.ts'

const PAYLOAD_POOL_BYTES = 64 << 20
/** What the Linux client asks ACCESS for before it opens a file: all but LOOKUP and DELETE. */
const ACCESS_OF_FILE = 0x2d

/** What is sent, and what ends a pass: one pass per window, or passes until the window is over. */
export interface CaseLoad {
  readonly sources: readonly CallSource[]
  /** Prepares a further pass and returns its sources; without it the window is one pass. */
  readonly nextPass?: () => Promise<readonly CallSource[]>
  /** Belongs to the measured time: COMMIT. */
  readonly afterPass?: () => Promise<void>
}

/** Files are made once and used by all cases of the set. */
export interface Prepared {
  readonly place: Workplace
  readonly payloads: Payloads
  readonly files: readonly NamedFile[]
  readonly file: Buffer
  readonly directories: readonly Buffer[]
  readonly listing: Buffer
}

export async function prepare(place: Workplace, set: WorkingSet): Promise<Prepared> {
  const payloads = new Payloads(new Random(7), PAYLOAD_POOL_BYTES)
  const none = Buffer.alloc(0)
  const { nfs, dir } = place
  const base = { place, payloads, files: [], file: none, directories: [], listing: none }
  switch (set) {
    case 'stream':
      return base
    case 'tree':
      return { ...base, files: await makeTree(place, TREE) }
    case 'file':
      return { ...base, file: await makeFullFile(place, FILE_BYTES, payloads) }
    case 'directories':
      return { ...base, directories: await makeDirectories(nfs, dir, CREATE_DIRECTORIES) }
    case 'listing': {
      const listing = await makeDirectory(nfs, dir, 'listing')
      await makeFiles(nfs, listing, LISTING_ENTRIES)
      return { ...base, listing }
    }
  }
}

type Build = (one: BenchCase, prepared: Prepared) => CaseLoad | Promise<CaseLoad>

const builders: Readonly<Record<Load, Build>> = {
  getattr: (one, { files }) =>
    picked(one, files, ({ handle }) => callRecord(nfs3.getattr, { object: handle }, USER)),
  lookup: (one, { files }) =>
    picked(one, files, ({ dir, name }) => callRecord(nfs3.lookup, { what: { dir, name } }, USER)),
  access: (one, { files }) =>
    picked(one, files, ({ handle }) =>
      callRecord(nfs3.access, { object: handle, access: ACCESS_OF_FILE }, USER),
    ),
  'read-random': (one, { file }) =>
    perConnection(one, (random) => new ReadCalls(file, one.bytes, blocks(random, one.bytes), USER)),
  'read-sequential': (one, { file }) =>
    perConnection(one, () => new ReadCalls(file, one.bytes, inOrder(one.bytes), USER)),
  'write-unstable': (one, prepared) => ({
    ...writes(one, prepared, stable_how.UNSTABLE),
    afterPass: () => commit(prepared.place, prepared.file),
  }),
  'write-sync': (one, prepared) => writes(one, prepared, stable_how.FILE_SYNC),
  'write-sequential': streamed,
  create: (one, { directories }) => {
    const sources = Array.from(
      { length: one.connections },
      (_, i) => new CreateCalls(directories, `${one.name}-${i}-`, USER),
    )
    return { sources }
  },
  list: async (one, { place, listing }) => {
    const limits = ok(await place.nfs.fsinfo({ fsroot: place.root }))
    return perConnection(one, () => new ListingCalls(listing, LISTING_ENTRIES, limits, USER))
  },
  'list-changed': async (_, { place, listing }) => {
    const limits = ok(await place.nfs.fsinfo({ fsroot: place.root }))
    return {
      sources: [],
      // A name comes and goes, so that nothing of an earlier listing can be sent again.
      nextPass: async () => {
        await makeFile(place.nfs, listing, 'passing')
        ok(await place.nfs.remove({ object: { dir: listing, name: 'passing' } }))
        return [new ListingCalls(listing, LISTING_ENTRIES, limits, USER, 1)]
      },
    }
  },
}

export async function loadOf(one: BenchCase, prepared: Prepared): Promise<CaseLoad> {
  return builders[one.load](one, prepared)
}

function perConnection(one: BenchCase, source: (random: Random) => CallSource): CaseLoad {
  return {
    sources: Array.from({ length: one.connections }, (_, i) => source(new Random(i))),
  }
}

function picked(
  one: BenchCase,
  files: readonly NamedFile[],
  record: (file: NamedFile) => Buffer,
): CaseLoad {
  const records = files.map(record)
  return perConnection(one, (random) => new PickedCalls(records, random))
}

function blocks(random: Random, size: number): () => number {
  const count = FILE_BYTES / size
  return () => random.below(count) * size
}

function inOrder(size: number): () => number {
  let offset = -size
  return () => {
    offset = (offset + size) % FILE_BYTES
    return offset
  }
}

function writes(one: BenchCase, prepared: Prepared, stable: 0 | 2): CaseLoad {
  const { file, payloads } = prepared
  const target = { file, count: one.bytes, stable }
  return perConnection(
    one,
    (random) => new WriteCalls(target, blocks(random, one.bytes), payloads, USER),
  )
}

/** Each pass writes a new file from its start to its end and commits it. */
function streamed(one: BenchCase, { place, payloads }: Prepared): CaseLoad {
  const stable = stable_how.UNSTABLE
  let passes = 0
  let file: Buffer = Buffer.alloc(0)
  return {
    sources: [],
    nextPass: async () => {
      file = await makeFile(place.nfs, place.dir, `stream-${passes++}`)
      const target = { file, count: one.bytes, stable }
      return [new StreamedWriteCalls(target, FILE_BYTES, payloads, USER)]
    },
    afterPass: () => commit(place, file),
  }
}

async function commit({ nfs }: Workplace, file: Buffer): Promise<void> {
  ok(await nfs.commit({ file, offset: 0, count: 0 }))
}
