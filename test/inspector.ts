/**
 * The inspector of another Node process (Chrome DevTools Protocol): garbage, and what a heap does.
 */
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
  readonly result?: {
    /** Runtime.evaluate */
    readonly result: { readonly value: unknown }
    readonly exceptionDetails?: unknown
  }
}

/** NODE_OPTIONS that the process is to be started with. */
export const INSPECTABLE = '--inspect=127.0.0.1:0'

/** Where it listens, if this line of its stderr says so. */
export const listeningAt = (line: string): string | undefined =>
  /^Debugger listening on (ws:\S+)/.exec(line)?.[1]

/** The thread that every process has. */
export const MAIN = 'main'
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

  private heard(message: Message, session: string): void {
    const { id, method, params } = message
    if (id !== undefined) this.waiting.get(`${session} ${id}`)?.(message)
    else if (params === undefined) return
    else if (method === 'NodeWorker.attachedToWorker') {
      // "[worker 4] follower"
      const { title } = params.workerInfo
      this.threads.set(title.slice(title.lastIndexOf(' ') + 1), params.sessionId)
    } else if (method === 'NodeWorker.receivedMessageFromWorker') {
      this.heard(JSON.parse(params.message), params.sessionId)
    }
  }

  private async ask(session: string, method: string, params = {}): Promise<Message> {
    const id = this.next++
    const { promise, resolve } = Promise.withResolvers<Message>()
    this.waiting.set(`${session} ${id}`, resolve)
    const message = JSON.stringify({ id, method, params })
    if (session === OWN) this.socket.send(message)
    else await this.ask(OWN, 'NodeWorker.sendMessageToWorker', { sessionId: session, message })
    const answer = await promise
    this.waiting.delete(`${session} ${id}`)
    const failure = answer.error ?? answer.result?.exceptionDetails
    if (failure !== undefined) throw new Error(`${method}: ${JSON.stringify(failure)}`)
    return answer
  }

  private sessionOf(thread: string): string {
    const session = thread === MAIN ? OWN : this.threads.get(thread)
    if (session === undefined) throw new Error(`no thread ${thread}`)
    return session
  }

  /**
   * Of these threads: all garbage. They must have an event loop to hear it in: one that sleeps at
   * a bell (serveBelled) never answers.
   */
  async collectGarbage(...threads: readonly string[]): Promise<void> {
    for (const thread of threads) {
      await this.ask(this.sessionOf(thread), 'HeapProfiler.collectGarbage')
    }
  }

  /** Runs a function of our own in a thread; it can use nothing that is around it here. */
  async run<T>(thread: string, task: () => Promise<T>): Promise<T> {
    const expression = `(${task})()`
    const how = { expression, awaitPromise: true, returnByValue: true }
    const { result } = await this.ask(this.sessionOf(thread), 'Runtime.evaluate', how)
    return result?.result.value as T
  }

  close(): void {
    this.socket.close()
  }
}
