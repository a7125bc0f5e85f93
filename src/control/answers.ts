/** What the API answers, for those who make it and for those who read it. */
import type { Collected } from '../commands/collector.ts'
import type { Group, User } from '../projections/control.ts'
import type { ShareOptions } from '../projections/share.ts'
import type { HealthReason } from './health.ts'

export interface HealthAnswer {
  readonly status: 'ok' | 'unavailable'
  readonly reasons?: readonly HealthReason[]
}

export interface StatusAnswer {
  readonly version: string
  /** Seconds since the process started. */
  readonly uptime: number
  readonly epoch: number
  readonly owner: string
  readonly positions: {
    readonly decided: number
    readonly durable: number
    readonly published: number
    readonly flushed: number
  }
  readonly backlog: { readonly records: number; readonly bytes: number }
  readonly staging: { readonly files: number; readonly bytes: number }
  /** Bytes. */
  readonly memory: {
    readonly projections: number
    readonly content: number
    readonly resident: number
  }
  readonly disk: { readonly free: number; readonly total: number; readonly full: boolean }
  readonly connections: {
    readonly open: number
    readonly underWay: number
    readonly paused: number
  }
  /** What holds clients up right now, or null. */
  readonly pressure: string | null
  readonly reopened: number
  readonly shares: number
  readonly clients: number
}

export interface ShareAnswer {
  readonly id: number
  readonly name: string
  readonly options: ShareOptions
  readonly inodes: number
  /** Of content. */
  readonly bytes: number
}

interface ClientAnswer {
  readonly id: number
  readonly address: string
  readonly mounts: readonly string[]
  /** RFC 3339: when it was first seen. */
  readonly since: string
  readonly connections: number
}

export interface DigestAnswer {
  readonly seq: number
  readonly digest: string
  readonly shares: Readonly<Record<string, string>>
  readonly divergences?: readonly string[]
}

export interface CollectionAnswer extends Collected {
  /** Past versions forgotten. */
  readonly versions: number
}

export interface Answers {
  readonly shares: { readonly shares: readonly ShareAnswer[] }
  readonly clients: { readonly clients: readonly ClientAnswer[] }
  readonly users: { readonly users: readonly User[] }
  readonly groups: { readonly groups: readonly Group[] }
}
