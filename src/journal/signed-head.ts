/**
 * The end of a journal, written down and signed where the journal's keeper cannot reach it: later
 * it proves that nothing before it was taken away or written anew. docs/formats/journal-head.md.
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import type { Instant } from '../platform/clock.ts'
import { JournalFormatError } from './fields.ts'
import { lastSeq } from './frame.ts'
import { type JournalReader, TrimmedError } from './journal.ts'

export interface JournalHead {
  /** The last record, and the SHA-256 of the frame that ends with it. */
  readonly seq: number
  readonly hash: Buffer
  readonly time: Instant
  readonly epoch: number
}

/** As it is exported. */
export interface HeadFile {
  readonly format: typeof FORMAT
  readonly version: typeof VERSION
  readonly seq: number
  /** Hexadecimal. */
  readonly hash: string
  readonly time: string
  readonly epoch: number
  readonly algorithm?: 'Ed25519'
  /** SHA-256 of the public key (SubjectPublicKeyInfo, DER), hexadecimal: which key it was. */
  readonly key?: string
  /** Base64. */
  readonly signature?: string
}

const FORMAT = 'dittofs-journal-head'
const VERSION = 1

/** What is said of a head or a key is not so. */
export class HeadError extends Error {
  override readonly name = 'HeadError'
}

export function headFile({ seq, hash, time, epoch }: JournalHead): HeadFile {
  const { sec, nsec } = time
  const whole = new Date(sec * 1000).toISOString().slice(0, 19)
  return {
    format: FORMAT,
    version: VERSION,
    seq,
    hash: hash.toString('hex'),
    time: `${whole}.${String(nsec).padStart(9, '0')}Z`,
    epoch,
  }
}

/** `key`: a private Ed25519 key. Throws HeadError for any other. */
export function signedHead(head: HeadFile, key: KeyObject): HeadFile {
  needEd25519(key)
  const signature = sign(null, signedBytes(head), key).toString('base64')
  return { ...head, algorithm: 'Ed25519', key: fingerprint(createPublicKey(key)), signature }
}

function needEd25519({ asymmetricKeyType: type }: KeyObject): void {
  if (type !== 'ed25519') throw new HeadError(`an Ed25519 key is needed, not one of ${type}`)
}

const fingerprint = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')

const signedBytes = ({ seq, hash, time, epoch }: HeadFile): Buffer =>
  Buffer.from(`${FORMAT} ${VERSION}\nseq ${seq}\nhash ${hash}\ntime ${time}\nepoch ${epoch}\n`)

/** Throws HeadError unless it is a head. */
export function parsedHead(text: string): HeadFile {
  let head: Partial<HeadFile> | null = null
  try {
    head = JSON.parse(text)
  } catch {
    // Said below.
  }
  if (head?.format !== FORMAT) throw new HeadError('this is no exported head of a journal')
  if (head.version !== VERSION)
    throw new HeadError(`heads of version ${head.version} are not known`)
  const { seq, hash = '', time = '', epoch } = head
  const whole =
    Number.isSafeInteger(seq) &&
    /^[0-9a-f]{64}$/.test(hash) &&
    /^[0-9T:.Z-]{30}$/.test(time) &&
    Number.isSafeInteger(epoch)
  if (!whole) throw new HeadError('the exported head is damaged')
  return head as HeadFile
}

/** Throws HeadError unless whoever has the private key to `key` signed exactly this. */
export function checkSignature(head: HeadFile, key: KeyObject): void {
  needEd25519(key)
  const { algorithm, signature } = head
  if (algorithm !== 'Ed25519' || signature === undefined) throw new HeadError('it is not signed')
  if (head.key !== fingerprint(key)) {
    throw new HeadError(`it was signed with another key, ${head.key}`)
  }
  if (!verify(null, signedBytes(head), key, Buffer.from(signature, 'base64'))) {
    throw new HeadError('the signature does not match: the exported head was changed')
  }
}

/**
 * Throws JournalFormatError unless the journal has exactly the head's past. Only together with
 * `verifyJournal`, which shows that the frames before are those that the hash stands for.
 */
export async function checkAgainst(journal: JournalReader, head: HeadFile): Promise<void> {
  const { seq: end } = await journal.tail()
  if (end < head.seq) {
    throw new JournalFormatError(
      `cut off: it ends with record ${end}, and had ${head.seq} when its head was signed`,
    )
  }
  for await (const frame of storedFrom(journal, head.seq)) {
    const hash = frame.hash.toString('hex')
    if (lastSeq(frame) === head.seq && hash === head.hash) return
    throw new JournalFormatError(
      `rewritten: record ${head.seq} and what is before it are not what its head was signed for`,
    )
  }
}

async function* storedFrom(journal: JournalReader, seq: number) {
  try {
    yield* journal.stored(seq)
  } catch (error) {
    if (!(error instanceof TrimmedError)) throw error
    throw new JournalFormatError(`record ${seq}, which the head is of, is not there any more`)
  }
}
