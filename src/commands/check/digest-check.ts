/** Whether the rows of a store are those that its digests were kept for. */
import { type Checkpoint, readCheckpoint } from '../../projections/checkpoint.ts'
import { Digest, hashRow } from '../../projections/digest.ts'
import { shareOf } from '../../projections/node-id.ts'
import { REPLIES_TABLE } from '../../projections/replies.ts'
import { copyRow, groupOfKey } from '../../projections/row-codec.ts'
import { tableSpecs } from '../../projections/rows.ts'
import type { Share } from '../../projections/share.ts'
import type { Store } from '../../store/store.ts'
import { type Finding, noProgress, type Progress } from './finding.ts'
import { FIRST_KEY, PAST_KEYS } from './stored-rows.ts'

const PROGRESS_ROWS = 10_000

/** Digests by share, counted anew over all rows. */
export function countedDigests(store: Store, progress: Progress = noProgress): Map<number, Digest> {
  const digests = new Map<number, Digest>()
  let done = 0
  const add = (share: number, table: number, key: Buffer, row: Buffer): void => {
    let digest = digests.get(share)
    if (digest === undefined) {
      digest = new Digest()
      digests.set(share, digest)
    }
    digest.add(hashRow(table, copyRow(key), copyRow(row)))
    done += 1
    if (done % PROGRESS_ROWS === 0) progress('rows', done)
  }
  for (const { name, id, digested } of Object.values(tableSpecs(0))) {
    if (!digested) continue
    for (const { key, value } of store.map(name).range(FIRST_KEY, PAST_KEYS)) {
      add(shareOf(groupOfKey(key)), id, key, value)
    }
  }
  const { name, id } = REPLIES_TABLE
  for (const { key, value } of store.map(name).range(FIRST_KEY, PAST_KEYS)) add(0, id, key, value)
  return digests
}

/** `shares`: all there are. Rows of deleted ones go one after the other, so theirs says nothing. */
export function* digestFindings(
  store: Store,
  shares: Iterable<Share>,
  progress: Progress = noProgress,
): Iterable<Finding> {
  const { digests: kept }: Checkpoint = readCheckpoint(store)
  const counted = countedDigests(store, progress)
  const deleted = new Set<number>()
  const names = new Map([[0, 'the control plane']])
  for (const share of shares) {
    names.set(share.id, share.name)
    if (share.deleted !== 0) deleted.add(share.id)
  }
  for (const share of new Set([...kept.keys(), ...counted.keys()])) {
    const [is, should] = [counted.get(share), kept.get(share)].map((d) => String(d ?? NONE))
    if (is === should || deleted.has(share)) continue
    yield {
      area: 'projections',
      where: names.get(share) ?? `share ${share}`,
      what: `its rows have the digest ${is}, and ${should} was kept: some are not what was written`,
    }
  }
}

const NONE = new Digest()
