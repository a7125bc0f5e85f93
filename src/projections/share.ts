import type { ForkBase } from './fork-view.ts'

/** A share: one tree with its own inode numbers, and how it may be used. */
export interface Share {
  readonly id: number
  /** As clients mount it: an absolute path. */
  readonly name: string
  readonly generation: number
  readonly options: ShareOptions
  /** Names for moments: the record after which it is. */
  readonly labels: Readonly<Record<string, number>>
  /** Moments from which on nothing is forgotten, whatever retention says, by name. */
  readonly holds: Readonly<Record<string, number>>
  /** Of a fork: the share and moment that it began as. */
  readonly base?: ForkBase
  /** The record that deleted it, or 0. Its past stays readable until retention ends. */
  readonly deleted: number
}

/**
 * The record that a label or a hold names. Whoever asks may ask for what every object has, such as
 * `constructor`, which is none.
 */
export const markedAt = (
  marks: Readonly<Record<string, number>>,
  name: string,
): number | undefined => (Object.hasOwn(marks, name) ? marks[name] : undefined)

export interface ShareOptions {
  readonly readOnly: boolean
  /** Addresses and networks (`10.0.0.0/8`, `fe80::/10`) that may mount; empty: all. */
  readonly allow: readonly string[]
  /** Whose identity becomes the anonymous one. */
  readonly squash: 'none' | 'root' | 'all'
  readonly anonUid: number
  readonly anonGid: number
  /** Whether calls must come from a port below 1024. */
  readonly securePorts: boolean
  /** `durable`: in the journal before the reply. `async`: at most 10 ms behind it. */
  readonly durability: 'durable' | 'async'
  /** `writes`: changes, refusals, mounts. `all`: every operation. */
  readonly audit: 'writes' | 'all'
  /** `relatime`: as Linux mounts do by default. `none`: reading never changes it. */
  readonly atime: 'relatime' | 'none'
  /** Whether supplementary groups come from the user database instead of the call. */
  readonly groups: 'client' | 'server'
  /** Whether past moments are found in `.history` at the root, and whether it is listed there. */
  readonly history: 'hidden' | 'listed' | 'off'
  /** How long past moments stay readable. Seconds. */
  readonly retain: number
  /**
   * Bytes of content that are kept for the past alone; 0: as many as `retain` takes. Shares that
   * were made before there was this option do not have it.
   */
  readonly retainBytes?: number
  /** Bytes of content that the share may hold; 0: as much as there is. */
  readonly quota: number
  /** Changes wait until it is thawed, for backups of the disk below. */
  readonly frozen: boolean
}

export const defaultShareOptions: Required<ShareOptions> = {
  readOnly: false,
  allow: [],
  squash: 'root',
  anonUid: 65534,
  anonGid: 65534,
  securePorts: false,
  durability: 'durable',
  audit: 'writes',
  atime: 'relatime',
  groups: 'client',
  history: 'hidden',
  retain: 30 * 24 * 3600,
  retainBytes: 0,
  quota: 0,
  frozen: false,
}

/** What is not said in a journal stands for this: that must not change with a new option. */
const { retainBytes: _later, ...first } = defaultShareOptions
export const firstShareOptions = first
