/** A server under measurement, whatever it is. */
export interface Peer {
  readonly name: string
  readonly title: string
  version(): string
  start(options: StartOptions): Promise<RunningPeer>
}

export type Durability = 'durable' | 'async'

export interface StartOptions {
  /** An empty directory of the peer's own. */
  readonly dir: string
  readonly durability: Durability
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface RunningPeer {
  readonly pid: number
  readonly nfs: Address
  readonly mount: Address
  /** Of the REST API, where there is one. */
  readonly api?: Address
  readonly exportPath: string
  stop(): Promise<void>
}
