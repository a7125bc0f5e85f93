/** The inspector of another Node process (Chrome DevTools Protocol), to have it collect garbage. */
import { once } from 'node:events'

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: {
    readonly sessionId: string
    /** NodeWorker.receivedMessageFromWorker */
    readonly message: string
    /** NodeWorker.attachedToWorker */
    readonly workerInfo: { readonly title: string }
  }
  readonly error?: unknown
}

/** NODE_OPTIONS that the process is to be started with. */
export const INSPECTABLE = '--inspect=127.0.0.1:0'

/** Where it listens, if this line of its stderr says so. */
export const listeningAt = (line: string): string | undefined =>
  /^Debugger listening on (ws:\S+)/.exec(line)?.[1]

/** Sessions are told apart by what the process calls them; that with itself is ''. */
const OWN = ''

export class Inspector {
  private readonly socket: WebSocket
  private readonly waiting = new Map<string, (answer: Message) => void>()
  /** Sessions with threads, by the thread's name. */
  private readonly threads = new Map<string, string>()
  private next = 1

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.addEventListener('message', ({ data }) => this.heard(JSON.parse(String(data)), OWN))
  }

  static async open(address: string): Promise<Inspector> {
    const socket = new WebSocket(address)
    await once(socket, 'open')
    const inspector = new Inspector(socket)
    // Answered behind the news of those that run already.
    await inspector.ask(OWN, 'NodeWorker.enable', { waitForDebuggerOnStart: false })
    return inspector
  }

  private heard({ id, method, params, error }: Message, session: string): void {
    if (id !== undefined) this.waiting.get(`${session} ${id}`)?.({ error })
    else if (params === undefined) return
    else if (method === 'NodeWorker.attachedToWorker') {
      // "[worker 4] follower"
      const { title } = params.workerInfo
      this.threads.set(title.slice(title.lastIndexOf(' ') + 1), params.sessionId)
    } else if (method === 'NodeWorker.receivedMessageFromWorker') {
      this.heard(JSON.parse(params.message), params.sessionId)
    }
  }

  private async ask(session: string, method: string, params = {}): Promise<void> {
    const id = this.next++
    const { promise, resolve } = Promise.withResolvers<Message>()
    this.waiting.set(`${session} ${id}`, resolve)
    const message = JSON.stringify({ id, method, params })
    if (session === OWN) this.socket.send(message)
    else await this.ask(OWN, 'NodeWorker.sendMessageToWorker', { sessionId: session, message })
    const { error } = await promise
    this.waiting.delete(`${session} ${id}`)
    if (error !== undefined) throw new Error(`${method}: ${JSON.stringify(error)}`)
  }

  /**
   * Of the main thread and of these others: all garbage. They must have an event loop to hear it
   * in: one that sleeps at a bell (serveBelled) never answers.
   */
  async collectGarbage(...threads: readonly string[]): Promise<void> {
    for (const name of threads) if (!this.threads.has(name)) throw new Error(`no thread ${name}`)
    for (const session of [OWN, ...threads.map((name) => this.threads.get(name) as string)]) {
      await this.ask(session, 'HeapProfiler.collectGarbage')
    }
  }

  close(): void {
    this.socket.close()
  }
}
