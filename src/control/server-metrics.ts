/** What Prometheus is told. Everything is read when it asks; nothing is counted twice. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Engine } from '../commands/engine.ts'
import { ownMemory, runningThreads, type ThreadMemory } from '../platform/thread.ts'
import { callMetrics } from './call-metrics.ts'
import { sharesOf } from './routes/status.ts'
import type { Running } from './running.ts'
import { version } from './version.ts'

const PREFIX = 'dittofs_'

/** How long a scrape waits for a thread: it may be waiting for a disk that does not answer. */
const THREAD_MILLIS = 1000

interface Reading {
  readonly name: string
  readonly help: string
  readonly read: (engine: Engine) => number
}

/** Numbers of the engine; there are none while there is no engine. */
const readings: readonly Reading[] = [
  {
    name: 'stream_epoch',
    help: 'Writers that the journal has had.',
    read: ({ world }) => world.control.state.epoch,
  },
  {
    name: 'backlog_records',
    help: 'Records that are decided and not durable.',
    read: ({ stream }) => stream.backlog().records,
  },
  {
    name: 'backlog_bytes',
    help: 'Bytes of records and blocks that have not left for the disk.',
    read: ({ stream }) => stream.backlog().bytes,
  },
  {
    name: 'follower_lag_records',
    help: 'Durable records that the projections on disk lack.',
    read: ({ stream, world }) => Math.max(0, stream.durable - world.stored.seq),
  },
  {
    name: 'dirty_rows',
    help: 'Rows in memory that the projections on disk lack.',
    read: ({ world }) => world.dirtyCount(),
  },
  {
    name: 'cut_files',
    help: 'Files that were cut, and whose extents behind the cut are still to be deleted.',
    read: ({ world }) => world.cutOff.all().size,
  },
  {
    name: 'staging_bytes',
    help: 'Bytes that were written and are in no block yet.',
    read: ({ staging }) => staging.bytes,
  },
  {
    name: 'staging_files',
    help: 'Files with such bytes.',
    read: ({ staging }) => staging.size,
  },
  {
    name: 'disk_free_bytes',
    help: 'Bytes that may still be written, the reserve not among them.',
    read: ({ space }) => Math.max(0, space.free()),
  },
  { name: 'disk_bytes', help: 'Size of the disk.', read: ({ space }) => space.total },
  {
    name: 'disk_full',
    help: '1 while changes are refused for want of room.',
    read: ({ space }) => (space.space() === 'full' ? 1 : 0),
  },
  {
    name: 'accesses_dropped',
    help: 'Accesses that were to be audited and could not be recorded.',
    read: ({ stream }) => stream.accesses.dropped,
  },
  {
    name: 'pressure',
    help: '1 while clients are held up.',
    read: ({ pressure }) => (pressure.blocked() === undefined ? 0 : 1),
  },
  {
    name: 'paused_connections',
    help: 'Connections that are not read from until there is room.',
    read: ({ pressure }) => pressure.paused,
  },
  {
    name: 'damaged_blocks',
    help: 'Blocks of content that were found damaged, or nowhere, since the stream was opened.',
    read: ({ damages }) => damages.blocks,
  },
  {
    name: 'hidden_blocks',
    help: 'Blocks that a damaged index hid and that were found, since the stream was opened.',
    read: ({ damages }) => damages.hidden,
  },
  { name: 'shares', help: 'Shares in service.', read: sharesOf },
  { name: 'clients', help: 'Clients known.', read: ({ world }) => world.control.clients.size },
]

export class ServerMetrics {
  readonly registry = new Registry()
  private readonly running: Running
  private readonly requests: Counter

  constructor(running: Running) {
    this.running = running
    collectDefaultMetrics({ register: this.registry, prefix: PREFIX })
    this.buildInfo()
    for (const reading of readings) this.engineGauge(reading)
    this.positions()
    this.caches()
    this.threads()
    this.journal()
    this.connections()
    for (const metric of callMetrics(PREFIX, running.calls)) this.registry.registerMetric(metric)
    this.requests = new Counter({
      ...this.named('api_requests_total', 'Requests that the REST API has answered.'),
      labelNames: ['method', 'route', 'status'],
    })
  }

  /** A request to the API was answered. */
  answered(method: string, route: string, status: number): void {
    this.requests.inc({ method, route, status })
  }

  /** How many follow the change feed. */
  following(consumers: () => number): void {
    new Gauge({
      ...this.named('feed_consumers', 'Consumers of the change feed.'),
      collect() {
        this.set(consumers())
      },
    })
  }

  private named(name: string, help: string) {
    return { name: `${PREFIX}${name}`, help, registers: [this.registry] }
  }

  private buildInfo(): void {
    const named = this.named('build_info', 'Always 1; the labels say what is running.')
    new Gauge({ ...named, labelNames: ['version', 'node'] }).set(
      { version, node: process.version },
      1,
    )
  }

  private engineGauge({ name, help, read }: Reading): void {
    const { running } = this
    new Gauge({
      ...this.named(name, help),
      collect() {
        const engine = running.serving()?.engine
        if (engine === undefined) this.remove()
        else this.set(read(engine))
      },
    })
  }

  private positions(): void {
    const { running } = this
    new Gauge({
      ...this.named('stream_position', 'The last record that is so far.'),
      labelNames: ['position'],
      collect() {
        this.reset()
        const engine = running.serving()?.engine
        if (engine === undefined) return
        const { decided, durable, published } = engine.stream
        this.set({ position: 'decided' }, decided)
        this.set({ position: 'durable' }, durable)
        this.set({ position: 'published' }, published)
        this.set({ position: 'flushed' }, engine.world.stored.seq)
      },
    })
  }

  private caches(): void {
    const { running } = this
    new Gauge({
      ...this.named('cache_bytes', 'Memory of caches.'),
      labelNames: ['cache'],
      collect() {
        this.reset()
        const engine = running.serving()?.engine
        if (engine === undefined) return
        this.set({ cache: 'projections' }, engine.world.memoryWeight())
        this.set({ cache: 'content' }, engine.blocks.cachedBytes)
      },
    })
  }

  /** The process's own figures leave out what is not the main thread's. */
  private threads(): void {
    new Gauge({
      ...this.named('thread_memory_bytes', 'What V8 holds for each thread.'),
      labelNames: ['thread', 'kind'],
      async collect() {
        const threads = runningThreads()
        const answers = await Promise.all(threads.map((thread) => inTime(thread.memory())))
        this.reset()
        const all = [{ name: 'main', memory: ownMemory() as ThreadMemory | undefined }]
        for (const [i, { name }] of threads.entries()) all.push({ name, memory: answers[i] })
        for (const { name: thread, memory } of all) {
          if (memory === undefined) continue
          // Those of a stream that broke may end while others like them begin.
          this.inc({ thread, kind: 'heap' }, memory.heap)
          this.inc({ thread, kind: 'external' }, memory.external)
        }
      },
    })
  }

  private journal(): void {
    this.journalGauge('journal_bytes', 'Size of the journal.', 'bytes')
    this.journalGauge('journal_segments', 'Files of the journal.', 'segments')
  }

  private journalGauge(name: string, help: string, field: 'bytes' | 'segments'): void {
    const { running } = this
    new Gauge({
      ...this.named(name, help),
      async collect() {
        const engine = running.serving()?.engine
        const stat = engine && (await inTime(engine.logThread.stat()))
        if (stat === undefined) this.remove()
        else this.set(stat[field])
      },
    })
  }

  private connections(): void {
    const { running } = this
    new Gauge({
      ...this.named('serving', '1 while clients are served.'),
      collect() {
        this.set(running.serving() === undefined ? 0 : 1)
      },
    })
    new Gauge({
      ...this.named('connections', 'Connections of clients.'),
      collect() {
        this.set(running.connections().connections)
      },
    })
    new Gauge({
      ...this.named('calls_under_way', 'Calls that have no reply yet.'),
      collect() {
        this.set(running.connections().underWay)
      },
    })
    new Counter({
      ...this.named('connections_closed_total', 'Connections that the server closed, by reason.'),
      labelNames: ['reason'],
      collect() {
        this.reset()
        const { abused, rejected } = running.connections()
        this.inc({ reason: 'abuse' }, abused)
        this.inc({ reason: 'rejected' }, rejected)
      },
    })
    new Counter({
      ...this.named('stream_reopened_total', 'How often the stream broke and was opened again.'),
      collect() {
        this.reset()
        this.inc(running.reopened)
      },
    })
  }
}

/** What a thread answers soon; undefined when it does not, or has ended. */
async function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), THREAD_MILLIS)
  })
  try {
    return await Promise.race([answer, late])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}
