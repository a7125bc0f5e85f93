/**
 * What becomes of damaged content: it is told once, counted, and kept from standing for later equal
 * content, so that whoever writes it again makes it good.
 */
import type { ContentThread } from '../content/content-thread.ts'
import type { DamageError } from '../content/damage.ts'
import { type FoundBlock, segmentName } from '../content/segment.ts'
import type { LogThread } from '../journal/log-thread.ts'
import type { Log } from '../platform/log.ts'

/** Those who store content. */
export interface Storing {
  readonly bulk: Pick<ContentThread, 'spoiled'>
  readonly logThread: Pick<LogThread, 'forget'>
}

/** Blocks of which it is remembered that they were told of. */
const TOLD_MAX = 10_000

const hex = (id: string): string => Buffer.from(id, 'latin1').toString('hex')

export class Damages {
  private readonly log: Log
  private readonly told = new Set<string>()
  /** Blocks that were found damaged, or nowhere. */
  blocks = 0
  /** Blocks that the index had lost and that were found in their segments. */
  hidden = 0
  /** Undefined until they are there: nobody has stored anything by then. */
  storing: Storing | undefined

  constructor(log: Log) {
    this.log = log
  }

  /** Somebody wanted to read it. */
  read(error: DamageError): void {
    const { place } = error
    this.tell(error.block, error.message, place)
    if (place !== undefined) this.distrust(place, true)
  }

  /** Nobody wanted to read it yet. The index knows of it. */
  scrubbed(block: FoundBlock): void {
    this.tell(hex(block.id), 'content is damaged', block)
    this.distrust(block, false)
  }

  private distrust(block: FoundBlock, news: boolean): void {
    const { storing, log } = this
    if (storing === undefined) return
    const noted = news ? storing.bulk.spoiled(block) : Promise.resolve()
    noted
      .then(() => storing.logThread.forget([block.id]))
      .catch((err) => log.warn({ err }, 'damage could not be noted'))
  }

  private tell(block: string, what: string, place: FoundBlock | undefined): void {
    if (this.told.has(block)) return
    if (this.told.size >= TOLD_MAX) this.told.clear()
    this.told.add(block)
    this.blocks += 1
    const where = place && { segment: segmentName(place.segment), offset: place.offset }
    this.log.error({ block, ...where }, what)
  }

  rescued({ id }: FoundBlock): void {
    this.told.delete(hex(id))
    this.log.warn({ block: hex(id) }, 'content that had lost its header was stored anew')
  }

  found({ id, segment, offset }: FoundBlock): void {
    this.hidden += 1
    this.log.error(
      { block: hex(id), segment: segmentName(segment), offset },
      'the index of blocks is damaged: a block was found without it; the next start makes it anew',
    )
  }
}
