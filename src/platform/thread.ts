/** A worker thread that answers calls in order and reports events. */

import { readlinkSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { getHeapStatistics } from 'node:v8'
import {
  isMainThread,
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  type Transferable,
  Worker,
} from 'node:worker_threads'
import { lowerPriority } from './priority.ts'

interface Call {
  readonly id: number
  readonly name: string
  readonly payload: unknown
}

interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: Failure
}

interface Event {
  readonly event: string
  readonly payload: unknown
}

interface Failure {
  readonly name: string
  readonly message: string
  readonly code: string | undefined
  readonly stack: string | undefined
}

/** What a call failed with in the thread: name and code are the original error's. */
export class ThreadError extends Error {
  readonly code: string | undefined

  constructor({ name, message, code, stack }: Failure) {
    super(message)
    this.name = name
    this.code = code
    if (stack !== undefined) this.stack = stack
  }
}

export interface ThreadOptions {
  readonly name: string
  readonly data: unknown
  readonly onEvent?: (event: string, payload: unknown) => void
  /** Of a thread that sleeps until it is rung (serveBelled). */
  readonly bell?: Int32Array
  /** The thread has ended without being asked to. */
  readonly onCrash: (error: Error) => void
}

/** What V8 holds for a thread. Bytes. */
export interface ThreadMemory {
  /** Objects, those that nothing refers to any more and that were not collected yet among them. */
  readonly heap: number
  /** What objects hold outside of it, such as the bytes of buffers. */
  readonly external: number
}

/** Of the thread that asks. */
export function ownMemory(): ThreadMemory {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics()
  return { heap, external }
}

type Waiting = {
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

/** Room for what is new: three semi-spaces, half of what Node gives. docs/decisions/heaps.md. */
const LIMITS = { maxYoungGenerationSizeMb: 24 }

/** Those that have been started and have not ended. */
const running = new Set<Thread>()
export const runningThreads = (): readonly Thread[] => [...running]

export class Thread {
  readonly name: string
  private readonly worker: Worker
  private readonly bell: Int32Array | undefined
  private readonly waiting = new Map<number, Waiting>()
  private next = 1
  private stopping = false
  private measuring: Promise<ThreadMemory> | undefined

  constructor(url: URL, { name, data, onEvent, onCrash, bell }: ThreadOptions) {
    this.name = name
    this.bell = bell
    this.worker = new Worker(url, { workerData: data, name, resourceLimits: LIMITS })
    this.worker.on('message', (message: Answer | Event) => {
      if ('event' in message) onEvent?.(message.event, message.payload)
      else this.answered(message)
    })
    this.worker.on('error', (error) => this.crashed(error as Error, onCrash))
    running.add(this)
    this.worker.on('exit', (code) => {
      running.delete(this)
      this.crashed(new Error(`thread ${name} ended with ${code}`), onCrash)
    })
  }

  /** Nobody answers any more. */
  get ended(): boolean {
    return this.stopping
  }

  private answered({ id, value, error }: Answer): void {
    const waiting = this.waiting.get(id)
    this.waiting.delete(id)
    if (error === undefined) waiting?.resolve(value as never)
    else waiting?.reject(new ThreadError(error))
  }

  /** Also of one that was asked to stop: who waits for its answers would wait for ever. */
  private crashed(error: Error, onCrash: (error: Error) => void): void {
    const asked = this.stopping
    this.stopping = true
    for (const { reject } of this.waiting.values()) reject(error)
    this.waiting.clear()
    if (!asked) onCrash(error)
  }

  call<T>(name: string, payload: unknown, transfer: readonly Transferable[] = []): Promise<T> {
    if (this.stopping) return Promise.reject(new Error(`thread is stopping: no ${name}`))
    const id = this.next
    this.next += 1
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as Waiting['resolve'], reject })
      this.worker.postMessage({ id, name, payload }, [...transfer])
      if (this.bell !== undefined) ring(this.bell)
    })
  }

  /** One call at a time: a thread that waits for its disk is not to find many of them. */
  memory(): Promise<ThreadMemory> {
    this.measuring ??= this.call<ThreadMemory>('memory', undefined).finally(() => {
      this.measuring = undefined
    })
    return this.measuring
  }

  /** Says something that needs no answer. */
  tell(name: string, payload: unknown): void {
    if (this.stopping) return
    this.worker.postMessage({ id: 0, name, payload })
    if (this.bell !== undefined) ring(this.bell)
  }

  /** Ends the thread behind its `close` handler. */
  async stop(): Promise<void> {
    if (this.stopping) return
    const closed = this.call('close', undefined)
    this.stopping = true
    try {
      await closed
    } finally {
      await this.worker.terminate()
    }
  }
}

/** What every thread answers. */
const common: Readonly<Record<string, () => unknown>> = { memory: ownMemory }

type Handlers = Readonly<Record<string, (payload: never) => unknown>> & {
  readonly close: () => unknown
}

/** The other side: answers calls, one after the other where handlers are synchronous. */
export function serveThread(handlers: Handlers): (event: string, payload: unknown) => void {
  const port = parentPort
  if (port === null) throw new Error('not in a thread')
  flushCompileCache()
  port.on('message', (call: Call) => answer(port, handlers, call))
  return (event, payload) => port.postMessage({ event, payload })
}

async function answer(
  port: MessagePort,
  handlers: Handlers,
  { id, name, payload }: Call,
): Promise<void> {
  try {
    const handler = handlers[name] ?? common[name]
    if (handler === undefined) throw new Error(`no such call: ${name}`)
    // Awaited only when there is something to wait for: an answer must not lose a turn.
    const result = handler(payload as never)
    const value = result instanceof Promise ? await result : result
    if (id !== 0) port.postMessage({ id, value })
  } catch (error) {
    if (id === 0) throw error
    port.postMessage({ id, error: failureOf(error) })
  }
}

/** Wakes a thread that sleeps at its bell, the first number. */
export function ring(bell: Int32Array): void {
  Atomics.add(bell, 0, 1)
  Atomics.notify(bell, 0)
}

export interface Belled {
  readonly bell: Int32Array
  /** Called whenever the bell was rung, and when the time was up. */
  readonly rung: () => void
  /** How long to sleep at most. Milliseconds. */
  readonly sleep: () => number
}

/**
 * Serves as `serveThread` does, but sleeps at a bell in shared memory instead of in the event loop:
 * to wake up takes a few microseconds, where a message takes fifty. Nothing else runs in the thread
 * meanwhile, no timers, no callbacks. Ends behind the call of `close`.
 */
export async function serveBelled(handlers: Handlers, belled: Belled): Promise<void> {
  const port = parentPort
  if (port === null) throw new Error('not in a thread')
  flushCompileCache()
  port.ref()
  const { bell, rung, sleep } = belled
  for (;;) {
    const heard = Atomics.load(bell, 0)
    rung()
    for (;;) {
      const message = receiveMessageOnPort(port)?.message as Call | undefined
      if (message === undefined) break
      await answer(port, handlers, message)
      if (message.name === 'close') return
    }
    Atomics.wait(bell, 0, heard, sleep())
  }
}

export const emitFrom = (event: string, payload?: unknown): void =>
  parentPort?.postMessage({ event, payload })

function failureOf(error: unknown): Failure {
  const { name, message, code, stack } = error as Error & { code?: unknown }
  return { name, message, code: code === undefined ? undefined : String(code), stack }
}

/** Lets other threads go first. Only Linux has priorities per thread. */
export function yieldToOthers(): void {
  if (process.platform !== 'linux' || isMainThread) return
  const match = /task\/(\d+)$/.exec(readlinkSync('/proc/thread-self'))
  if (match) lowerPriority(Number(match[1]), 10)
}
