/** One server for a file of tests, and a directory of its own for each of them. */
import assert from 'node:assert/strict'
import { after } from 'node:test'
import type { ShareOptions } from '../../src/projections/share.ts'
import type { UnixUser } from '../client/rpc-call.ts'
import type { RpcClient, RpcClientOptions } from '../client/rpc-client.ts'
import { dataBelow, ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'
import { connect, ROOT, Session } from './session.ts'

export interface Workplace {
  readonly session: Session
  /** Empty, and everybody's: mode 0777. */
  readonly dir: Buffer
}

export class ServedShare {
  readonly data: string
  private settings: Readonly<Record<string, string>>
  private readonly removeData: () => void
  private readonly clients: RpcClient[] = []
  private process: ServerProcess | undefined
  private places = 0

  constructor(settings: Readonly<Record<string, string>>) {
    const directory = temporaryDirectory('protocols')
    this.data = dataBelow(directory.path)
    this.removeData = directory.remove
    this.settings = settings
  }

  get server(): ServerProcess {
    if (this.process === undefined) throw new Error('no server runs')
    return this.process
  }

  async start(): Promise<void> {
    this.process = await ServerProcess.start({ data: this.data, settings: this.settings })
  }

  /** Kills the server and starts it again on the same data; connections are gone. */
  async crash(): Promise<void> {
    await this.server.kill()
    assert.deepEqual(this.server.errors, [])
    await this.start()
  }

  /** Stops the server and starts it again, with settings that differ or the same. */
  async restart(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    this.settings = { ...this.settings, ...settings }
    assert.equal(await this.server.stop(), 0)
    assert.deepEqual(this.server.errors, [])
    await this.start()
  }

  /** Changes options of the share, as an administrator does while it is used. */
  edit(options: Partial<ShareOptions>, name = '/export'): Promise<void> {
    const path = `/v1/shares/${encodeURIComponent(name)}`
    return this.server.administer('PATCH', path, { options })
  }

  /** Makes a second share, with the options of the first. */
  add(name: string): Promise<void> {
    const options: Partial<ShareOptions> = { squash: 'none' }
    return this.server.administer('POST', '/v1/shares', { name, options })
  }

  async connect(options: Partial<RpcClientOptions> = {}): Promise<RpcClient> {
    const client = await connect(this.server.port, options)
    this.clients.push(client)
    return client
  }

  async session(user: UnixUser = ROOT, options: Partial<RpcClientOptions> = {}): Promise<Session> {
    const session = await Session.open(this.server.port, user, '/export', options)
    this.clients.push(session.rpc)
    return session
  }

  /** A directory of the test's own, looked at as `user`. */
  async workplace(user: UnixUser = ROOT): Promise<Workplace> {
    const session = await this.session(user)
    this.places += 1
    const asRoot = session.as(ROOT)
    const dir = await asRoot.mkdir(session.root, `workplace-${this.places}`, 0o777)
    return { session, dir }
  }

  /** Ends all connections that were made through here. */
  async disconnect(): Promise<void> {
    await Promise.all(this.clients.splice(0).map((client) => client.close()))
  }

  async end(): Promise<void> {
    await this.disconnect()
    if (this.process?.alive) assert.equal(await this.process.stop(), 0)
    const errors = this.process?.errors
    this.removeData()
    assert.deepEqual(errors, [], 'the server has logged errors')
  }
}

/** Serves a new share while the tests of this file run. Root is root unless the settings differ. */
export async function serveShare(
  settings: Readonly<Record<string, string>> = {},
): Promise<ServedShare> {
  const share = new ServedShare({ 'share-squash': 'none', ...settings })
  after(() => share.end())
  await share.start()
  return share
}
