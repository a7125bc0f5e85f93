/** READDIR and READDIRPLUS as one thing, since they promise the same about entries and cookies. */
import type { Nfs3Client } from '../../client/nfs3-client.ts'

export interface ListedEntry {
  readonly fileid: number
  readonly name: string
  readonly cookie: number
}

export type Page =
  | { readonly status: 0; readonly entries: readonly ListedEntry[]; readonly eof: boolean }
  | { readonly status: number; readonly entries: readonly []; readonly eof: false }

export interface DirectoryReader {
  readonly name: 'READDIR' | 'READDIRPLUS'
  /** The smallest count that takes one entry with a name of this length. */
  readonly roomFor: (nameLength: number) => number
  readonly page: (nfs: Nfs3Client, dir: Buffer, cookie: number, count: number) => Promise<Page>
}

const cookieverf = Buffer.alloc(8)
const padded = (length: number): number => Math.ceil(length / 4) * 4
/** Status or attributes, verifier, end of list and eof: whatever does not depend on entries. */
const RESULT = 4 + 84 + 8 + 4 + 4
const ENTRY = 4 + 8 + 4 + 8
const PLUS = 4 + 84 + 4 + 4 + 64

const failed = (status: number): Page => ({ status, entries: [], eof: false })

export const directoryReaders: readonly DirectoryReader[] = [
  {
    name: 'READDIR',
    roomFor: (length) => RESULT + ENTRY + padded(length),
    page: async (nfs, dir, cookie, count) => {
      const result = await nfs.readdir({ dir, cookie, cookieverf, count })
      if (result.status !== 0) return failed(result.status)
      return { status: 0, ...result.reply }
    },
  },
  {
    name: 'READDIRPLUS',
    roomFor: (length) => RESULT + ENTRY + PLUS + padded(length),
    page: async (nfs, dir, cookie, count) => {
      const args = { dir, cookie, cookieverf, dircount: count, maxcount: count }
      const result = await nfs.readdirplus(args)
      if (result.status !== 0) return failed(result.status)
      return { status: 0, ...result.reply }
    },
  },
]

/** Reads a directory page by page; `between` may change it after each. */
export async function readPages(
  reader: DirectoryReader,
  nfs: Nfs3Client,
  dir: Buffer,
  count: number,
  between: (page: Page) => Promise<unknown> = async () => undefined,
): Promise<ListedEntry[]> {
  const entries: ListedEntry[] = []
  for (;;) {
    const page = await reader.page(nfs, dir, entries.at(-1)?.cookie ?? 0, count)
    if (page.status !== 0) throw new Error(`${reader.name}: status ${page.status}`)
    entries.push(...page.entries)
    if (page.eof) return entries
    if (page.entries.length === 0) throw new Error(`${reader.name}: an empty page, not the last`)
    await between(page)
  }
}
