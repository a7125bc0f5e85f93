/**
 * Gathers many accesses for one record: docs/formats/records.md, "Accesses". Reads come by the
 * hundred thousand a second, most of them again and again, and what serves them needs the
 * processor's caches: so each is laid behind the one before, and only when there are many, or when
 * the batch is taken, those that are equal become one.
 */
import {
  ACCESS_BYTES_MAX,
  ACCESSES_MAX,
  type AccessContext,
  BATCH_VERSION,
  NAME_KEPT,
} from './access-batch.ts'

/** So many, or so many words of them, may lie there before those that are equal become one. */
const TAIL_MAX = 256
const TAIL_WORDS_MAX = 16 * 1024
/** When hardly any of a full batch were equal, so many batches are not searched for them. */
const UNSEARCHED = 7
/** Looked at for each of them, so that no choice of names makes it take long. */
const PROBES = 16
/** Powers of two. */
const SLOTS = 4 * ACCESSES_MAX
const NAME_SLOTS = 1024
const CONTEXT_SLOTS = 64
const CONTEXT_FIELDS = 6
/** Copied here: a call into the runtime takes longer. */
const SHORT_NAME = 48

/** An access is a row of words: these, and its name, with zeros up to a whole word. */
const HASH = 0
const CONTEXT = 1
/** ino, below and above 2^32. */
const INO = 2
const INO_HIGH = 3
const NAME_LENGTH = 4
/** When, in nanoseconds since the first one of the batch: the first and the last of its like. */
const FIRST = 5
const LAST = 6
const TIMES = 7
const NAME = 8
const ROW_MAX = NAME + NAME_KEPT / 4

/** What one takes when it is packed, more or less, beside its name. */
const PACKED_BYTES = 12
/** And at most: eleven integers of up to eight bytes, and three of up to five. */
const PACKED_MAX = 11 * 8 + 3 * 5
const HEAD_MAX = 3 * 8

const ROWS_WORDS = ACCESSES_MAX * NAME + ACCESS_BYTES_MAX / 4 + 2 * (TAIL_WORDS_MAX + ROW_MAX)

export class AccessBatchWriter {
  /** Rows: those that differ, and behind them those of which that is not known yet. */
  private readonly words = new Int32Array(ROWS_WORDS)
  private readonly bytes = Buffer.from(this.words.buffer)
  /** Where those that differ end, and how many there are. */
  private folded = 0
  private entries = 0
  private at = 0
  /** Of those behind: how many more there may be, and how far they may go. */
  private room = TAIL_MAX
  private limit = TAIL_WORDS_MAX
  /** Of those that differ, as they will be packed; more or less. */
  private weight = 0
  /** By hash: `base` + where a row is. What is less is of an earlier batch. */
  private readonly slots = new Int32Array(SLOTS).fill(-1)
  private readonly nameSlots = new Int32Array(NAME_SLOTS).fill(-1)
  private base = 0
  /** Batches, this one among them, that are not searched for what is equal. */
  private unsearched = 0
  /** By number; and numbers by a hash. One that is missed there gets another number. */
  private readonly contexts = new Float64Array(ACCESSES_MAX * CONTEXT_FIELDS)
  private readonly contextSlots = new Int32Array(CONTEXT_SLOTS).fill(-1)
  private contextCount = 0
  private since = 0
  private readonly packed = Buffer.allocUnsafeSlow(ACCESSES_MAX * PACKED_MAX + ROWS_WORDS * 4)
  /** Accesses that it holds. */
  count = 0

  /** Begins a batch. */
  clear(): void {
    if (this.unsearched > 0) this.unsearched -= 1
    else if (this.full && this.count - this.entries < this.count >>> 3) this.unsearched = UNSEARCHED
    this.base += ROWS_WORDS
    if (this.base > 0x7fff_ffff - ROWS_WORDS) {
      this.slots.fill(-1)
      this.nameSlots.fill(-1)
      this.base = 0
    }
    this.contextSlots.fill(-1)
    this.contextCount = 0
    this.folded = 0
    this.entries = 0
    this.at = 0
    this.room = TAIL_MAX
    this.limit = TAIL_WORDS_MAX
    this.weight = 0
    this.since = 0
    this.count = 0
  }

  get full(): boolean {
    return this.room === 0
  }

  /**
   * What comes from here on happens so many nanoseconds after the first one of the batch; less than
   * 2^31, and never less than before.
   */
  setTime(since: number): void {
    this.since = since
  }

  /** Not when it is full. `op` and `refusal` are codes, 0 for none. */
  add(
    op: number,
    client: number,
    { uid, gid }: Pick<AccessContext, 'uid' | 'gid'>,
    share: number,
    refusal: number,
    ino: number,
    name: string,
  ): void {
    const { words, since, at } = this
    const length = Math.min(name.length, NAME_KEPT)
    words[at + CONTEXT] = this.contextOf(op, client, uid, gid, share, refusal)
    words[at + INO] = ino
    words[at + INO_HIGH] = ino / 0x1_0000_0000
    words[at + NAME_LENGTH] = length
    words[at + FIRST] = since
    words[at + LAST] = since
    words[at + TIMES] = 1
    const end = at + NAME + ((length + 3) >>> 2)
    if (length > 0) this.copyName(at + NAME, end, name, length)
    this.at = end
    this.count += 1
    this.room -= 1
    if (this.room === 0 || end >= this.limit) this.fold()
  }

  private copyName(from: number, end: number, name: string, length: number): void {
    const { bytes } = this
    this.words[end - 1] = 0
    const start = from * 4
    if (length > SHORT_NAME) bytes.latin1Write(name, start, length)
    else for (let i = 0; i < length; i++) bytes[start + i] = name.charCodeAt(i)
  }

  /** The number of a context. */
  private contextOf(
    op: number,
    client: number,
    uid: number,
    gid: number,
    share: number,
    refusal: number,
  ): number {
    const { contexts } = this
    const slot = (op * 7 + client * 31 + uid * 17 + share * 3 + refusal) & (CONTEXT_SLOTS - 1)
    const number = this.contextSlots[slot] as number
    const field = number * CONTEXT_FIELDS
    if (
      number >= 0 &&
      contexts[field] === op &&
      contexts[field + 1] === client &&
      contexts[field + 2] === uid &&
      contexts[field + 3] === gid &&
      contexts[field + 4] === share &&
      contexts[field + 5] === refusal
    ) {
      return number
    }
    this.contextSlots[slot] = this.contextCount
    contexts.set([op, client, uid, gid, share, refusal], this.contextCount * CONTEXT_FIELDS)
    return this.contextCount++
  }

  /** Of what came since, those that are equal to one that is there are counted with it. */
  private fold(): void {
    const { words } = this
    let to = this.folded
    for (let from = to; from < this.at; ) {
      const end = from + NAME + (((words[from + NAME_LENGTH] as number) + 3) >>> 2)
      if (this.unsearched > 0 || this.isNew(from, end, to)) {
        this.entries += 1
        this.weight += PACKED_BYTES + (words[from + NAME_LENGTH] as number)
        if (from === to) to = end
        // They are short: a call into the runtime takes longer.
        else while (from < end) words[to++] = words[from++] as number
      }
      from = end
    }
    this.folded = to
    this.at = to
    this.limit = to + TAIL_WORDS_MAX
    const left = this.weight >= ACCESS_BYTES_MAX ? 0 : ACCESSES_MAX - this.entries
    this.room = Math.min(left, TAIL_MAX)
  }

  /** Counts a row with one that is equal. True: there is none, and it will be at `to`. */
  private isNew(row: number, end: number, to: number): boolean {
    const { words, slots, base } = this
    const hash = hashOf(words, row + CONTEXT, row + NAME_LENGTH + 1, row + NAME, end)
    words[row + HASH] = hash
    let slot = hash & (SLOTS - 1)
    for (let i = 0; i < PROBES; i++) {
      const probed = (hash + i) & (SLOTS - 1)
      const known = (slots[probed] as number) - base
      if (known < 0) {
        slot = probed
        break
      }
      if (words[known] === hash && this.isSame(known, row)) {
        words[known + LAST] = words[row + LAST] as number
        words[known + TIMES] = (words[known + TIMES] as number) + 1
        return false
      }
    }
    slots[slot] = base + to
    return true
  }

  private isSame(a: number, b: number): boolean {
    const { words } = this
    return (
      words[a + CONTEXT] === words[b + CONTEXT] &&
      words[a + INO] === words[b + INO] &&
      words[a + INO_HIGH] === words[b + INO_HIGH] &&
      this.hasSameName(a, b)
    )
  }

  private hasSameName(a: number, b: number): boolean {
    const { words } = this
    const length = words[a + NAME_LENGTH] as number
    if (words[b + NAME_LENGTH] !== length) return false
    const end = a + NAME + ((length + 3) >>> 2)
    for (let i = a + NAME, j = b + NAME; i < end; i++, j++) if (words[i] !== words[j]) return false
    return true
  }

  /** What it holds; `dropped` is how many before it were not recorded. A copy. */
  taken(dropped: number): Buffer {
    this.fold()
    const head = Buffer.allocUnsafe(HEAD_MAX)
    const entriesEnd = this.packEntries()
    let at = put(head, 0, BATCH_VERSION)
    at = put(head, at, dropped)
    at = put(head, at, entriesEnd)
    const end = this.packRepeats(entriesEnd)
    return Buffer.concat([head.subarray(0, at), this.packed.subarray(0, end)])
  }

  /** Returns where they end. */
  private packEntries(): number {
    const { words, packed } = this
    let [at, contextsPacked, names, since, before] = [0, 0, 0, 0, 0]
    for (let row = 0; row < this.folded; ) {
      const context = words[row + CONTEXT] as number
      at = put(packed, at, context)
      if (context === contextsPacked) {
        contextsPacked += 1
        const field = context * CONTEXT_FIELDS
        for (let i = 0; i < CONTEXT_FIELDS; i++) {
          at = put(packed, at, this.contexts[field + i] as number)
        }
      }
      const first = words[row + FIRST] as number
      at = put(packed, at, first - since)
      since = first
      const high = words[row + INO_HIGH] as number
      const ino = high * 0x1_0000_0000 + ((words[row + INO] as number) >>> 0)
      at = put(packed, at, ino < before ? 2 * (before - ino) - 1 : 2 * (ino - before))
      before = ino
      const length = words[row + NAME_LENGTH] as number
      const end = row + NAME + ((length + 3) >>> 2)
      const number = length === 0 ? 0 : this.nameNumber(row, end, names + 1)
      if (number > names) {
        names = number
        at = put(packed, at, 2 * length + 1)
        const start = (row + NAME) * 4
        for (let i = 0; i < length; i++) packed[at++] = this.bytes[start + i] as number
      } else {
        at = put(packed, at, 2 * number)
      }
      row = end
    }
    return at
  }

  /** The number of a row's name, which is `next` when it is new. */
  private nameNumber(row: number, end: number, next: number): number {
    const { words, nameSlots, base } = this
    const slot = hashOf(words, row + NAME_LENGTH, row + NAME_LENGTH + 1, row + NAME, end)
    const known = (nameSlots[slot & (NAME_SLOTS - 1)] as number) - base
    // Nobody needs the hash of a row any more: its name's number is kept there.
    if (known >= 0 && this.hasSameName(known, row)) return words[known + HASH] as number
    nameSlots[slot & (NAME_SLOTS - 1)] = base + row
    words[row + HASH] = next
    return next
  }

  /** Behind the entries: which of them stand for several. Returns where they end. */
  private packRepeats(from: number): number {
    const { words, packed } = this
    let [at, skipped] = [from, 0]
    for (let row = 0; row < this.folded; ) {
      const times = words[row + TIMES] as number
      if (times === 1) {
        skipped += 1
      } else {
        at = put(packed, at, skipped)
        at = put(packed, at, times - 2)
        at = put(packed, at, (words[row + LAST] as number) - (words[row + FIRST] as number))
        skipped = 0
      }
      row += NAME + (((words[row + NAME_LENGTH] as number) + 3) >>> 2)
    }
    return at
  }
}

/** Of the words in [a, aEnd) and [b, bEnd). */
function hashOf(words: Int32Array, a: number, aEnd: number, b: number, bEnd: number): number {
  let hash = 0
  for (let i = a; i < aEnd; i++) hash = Math.imul(hash ^ (words[i] as number), 0x9e3779b1)
  for (let i = b; i < bEnd; i++) hash = Math.imul(hash ^ (words[i] as number), 0x9e3779b1)
  // So far a bit has reached only those above it.
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  return hash ^ (hash >>> 13)
}

/**
 * An integer up to 2^53 - 1, seven bits a byte, the lowest first. Returns where to go on.
 */
function put(bytes: Buffer, at: number, value: number): number {
  if (value < 0x80) {
    bytes[at] = value
    return at + 1
  }
  return putLong(bytes, at, value)
}

function putLong(bytes: Buffer, at: number, value: number): number {
  let [next, rest] = [at, value]
  while (rest >= 0x80) {
    bytes[next++] = (rest & 0x7f) | 0x80
    rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 0x80)
  }
  bytes[next++] = rest
  return next
}
