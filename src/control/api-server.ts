/** The REST API: who may ask, within which limits, and where the answers are. */
import type { AddressInfo } from 'node:net'
import swagger from '@fastify/swagger'
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify'
import { onBehalfOf } from '../commands/administrator.ts'
import { KiB } from '../platform/limits.ts'
import type { Log } from '../platform/log.ts'
import { AtOnce } from './at-once.ts'
import { AuditDesk } from './audit/desk.ts'
import { Feed } from './feed/feed.ts'
import { Health } from './health.ts'
import { HostCheck } from './host-check.ts'
import { LoginRecords } from './login-records.ts'
import { PROBLEM_TYPE, Problem } from './problem.ts'
import { explain, problemOf } from './request-errors.ts'
import { groupRoutes, userRoutes } from './routes/accounts.ts'
import { auditRoute } from './routes/audit.ts'
import { clientRoutes } from './routes/clients.ts'
import { collectionRoute } from './routes/collection.ts'
import { digestRoute } from './routes/digest.ts'
import { feedRoute } from './routes/feed.ts'
import { healthRoute } from './routes/health.ts'
import { journalHeadRoute } from './routes/journal-head.ts'
import { metricsRoute } from './routes/metrics.ts'
import { momentRoutes } from './routes/moments.ts'
import { pastRoutes } from './routes/past.ts'
import { shareRoutes } from './routes/shares.ts'
import { statusRoute } from './routes/status.ts'
import { undoRoute } from './routes/undo.ts'
import type { Running } from './running.ts'
import { responses, sharedSchemas } from './schemas.ts'
import { ServerMetrics } from './server-metrics.ts'
import { tokenCheck } from './token.ts'
import { version } from './version.ts'

const BODY_MAX = 64 * KiB
const HEADERS_MAX = 16 * KiB
/** A share's name of 1024 characters, each as three bytes of %XX. */
const PARAMETER_MAX = 1024 * 9
const CONNECTIONS_MAX = 256
/** Differences and undos at a time. Each may remember half a million objects: some 100 MB. */
const COMPARISONS_MAX = 4
/** For a whole request to arrive, and for a connection on which nothing moves, answers included. */
const REQUEST_MILLIS = 15_000
const SILENT_MILLIS = 75_000
const KEEP_ALIVE_MILLIS = 30_000

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Needs no token. */
    readonly open?: boolean
  }
}

export interface ApiOptions {
  readonly running: Running
  readonly log: Log
  readonly token: string
  /** Names of this server, as of the setting `api-hosts`. */
  readonly hosts: readonly string[]
  /** For a connection on which nothing moves, where that is not the usual. */
  readonly silentMillis?: number
}

export class ControlApi {
  private readonly app: FastifyInstance
  private readonly health: Health
  private readonly feed: Feed
  private readonly log: Log
  private draining = false

  private constructor(app: FastifyInstance, health: Health, feed: Feed, log: Log) {
    this.app = app
    this.health = health
    this.feed = feed
    this.log = log
  }

  static async create(options: ApiOptions): Promise<ControlApi> {
    const { running, log, token, hosts, silentMillis = SILENT_MILLIS } = options
    const app = newApp(log, silentMillis)
    const metrics = new ServerMetrics(running)
    const health = new Health(running)
    const logins = new LoginRecords(running)
    guard(app, token, new HostCheck(hosts, log), logins)
    observe(app, metrics, log)
    await describe(app)
    healthRoute(app, health)
    metricsRoute(app, metrics.registry)
    for (const routes of [statusRoute, shareRoutes, clientRoutes, userRoutes, groupRoutes]) {
      routes(app, running)
    }
    digestRoute(app, running)
    collectionRoute(app, running)
    momentRoutes(app, running)
    const comparing = new AtOnce(COMPARISONS_MAX, 'comparisons of moments')
    pastRoutes(app, running, comparing)
    undoRoute(app, running, comparing)
    const feed = new Feed(running, log)
    feedRoute(app, feed)
    metrics.following(() => feed.consumers)
    const desk = new AuditDesk(running, log)
    auditRoute(app, desk)
    journalHeadRoute(app, running)
    app.addHook('preClose', () => desk.stop())
    const api = new ControlApi(app, health, feed, log)
    // An answer to what was asked before draining began: its connection must not be kept alive.
    app.addHook('onSend', async (_request, reply) => {
      if (api.draining) reply.header('connection', 'close')
    })
    await app.ready()
    return api
  }

  /** Resolves to the port it listens on. */
  async listen(port: number, host: string): Promise<number> {
    try {
      await this.app.listen({ port, host, listenTextResolver: (at) => `API at ${at}` })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      throw new Error(
        `port ${port} of ${host} is taken; --api-port chooses another for the API, 0 a free one`,
      )
    }
    const { server } = this.app
    server.maxConnections = CONNECTIONS_MAX
    return (server.address() as AddressInfo).port
  }

  /** Answers what was asked, for `millis` at most, and closes. */
  async drain(millis: number): Promise<void> {
    this.draining = true
    const timer = setTimeout(() => {
      this.log.warn('requests to the API are cut off')
      this.app.server.closeAllConnections()
    }, millis)
    try {
      await this.feed.stop()
      await this.app.close()
    } finally {
      clearTimeout(timer)
      this.health.stop()
    }
  }
}

function newApp(log: Log, silentMillis: number): FastifyInstance {
  const app: FastifyInstance = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_MAX,
    requestTimeout: REQUEST_MILLIS,
    connectionTimeout: silentMillis,
    keepAliveTimeout: KEEP_ALIVE_MILLIS,
    http: { maxHeaderSize: HEADERS_MAX, headersTimeout: REQUEST_MILLIS },
    routerOptions: { maxParamLength: PARAMETER_MAX },
    frameworkErrors: (error, request, reply) => send(error, request, reply),
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, verbose: true },
    },
    schemaErrorFormatter: explain,
  })
  app.setErrorHandler<FastifyError | Problem>(send)
  app.setNotFoundHandler((request) => {
    const what = `${request.method} ${request.url.slice(0, 200)}`
    throw Problem.of('not-found', `There is no ${what}. GET /v1/openapi.json lists what there is.`)
  })
  app.removeContentTypeParser('text/plain')
  const json = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/merge-patch+json', { parseAs: 'string' }, json)
  return app
}

function send(
  error: FastifyError | Problem,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { body, headers } = problemOf(error)
  if (body.status === 500) {
    request.log.error({ err: error, method: request.method, url: request.url }, 'request failed')
  }
  return reply
    .code(body.status)
    .headers({ ...headers })
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(body))
}

/**
 * Everything needs the token, what does not exist included, except routes that say otherwise. What
 * comes without it needs a name of this server. Who sends a token is told that it is wrong whatever
 * the name: no web page knows of one.
 */
function guard(app: FastifyInstance, token: string, hosts: HostCheck, logins: LoginRecords): void {
  const accepts = tokenCheck(token)
  app.addHook('onRequest', (request, _reply, done) => onBehalfOf(request.ip, done))
  app.addHook('onRequest', async ({ headers, ip, routeOptions }) => {
    const open = routeOptions.config.open === true
    const named = hosts.accepts(headers.host)
    if (open && named) return
    const { authorization } = headers
    const authorized = accepts(authorization)
    if (!open && authorized) logins.accepted(ip)
    if (authorized) return
    if (!open) logins.refused(ip)
    if (!named && (open || authorization === undefined)) throw hosts.refuse(headers.host, ip)
    throw Problem.of(
      'unauthorized',
      'Send "Authorization: Bearer TOKEN"; the token is in the file "token" of the data directory.',
    )
  })
}

function observe(app: FastifyInstance, metrics: ServerMetrics, log: Log): void {
  app.addHook('onResponse', async ({ method, url, ip, routeOptions }, reply) => {
    const { statusCode: status } = reply
    metrics.answered(method, routeOptions.url ?? 'none', status)
    const level = method === 'GET' || method === 'HEAD' ? 'debug' : 'info'
    log[level]({ method, url: url.slice(0, 200), status, from: ip }, 'API request')
  })
}

/** Before the routes: it collects them as they come. */
async function describe(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'DittoFS',
        description: 'Administration of an event-sourced file server. Changes are journal records.',
        version,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    refResolver: { buildLocalReference: (json) => String(json['$id']) },
  })
  for (const [$id, schema] of Object.entries(sharedSchemas)) app.addSchema({ $id, ...schema })
  app.get(
    '/v1/openapi.json',
    {
      schema: {
        tags: ['server'],
        summary: 'This document',
        response: responses(200, 'OpenAPI 3.1.', { type: 'object', additionalProperties: true }),
      },
    },
    async () => app.swagger(),
  )
}
