/** The REST API from the command line: where it is, who we are, and what went wrong. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProblemBody } from '../problem.ts'
import { type OptionValues, UsageError } from './commands.ts'

/** What every command of dfsctl takes. */
export const apiOptions = {
  api: { type: 'string' },
  'token-file': { type: 'string' },
  data: { type: 'string' },
  json: { type: 'boolean' },
} as const

export const apiHelp = `\
  --api ADDR:PORT      where the API listens (DITTOFS_API, or else 127.0.0.1:8080)
  --token-file FILE    file with the token (or the token itself in DITTOFS_TOKEN)
  --data DIR           data directory whose token is used (DITTOFS_DATA, or else ./data)
  --json               print what the API answers`

const ANSWER_MILLIS = 90_000
const NDJSON = 'application/x-ndjson'

/** Nobody answers, at the moment at least. */
class UnreachableError extends Error {}

interface Token {
  readonly token: string
  readonly from: string
}

const textOf = (values: OptionValues, name: string): string | undefined => {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** Flags win over the environment. */
function findToken(values: OptionValues): Token {
  const { DITTOFS_TOKEN: token, DITTOFS_DATA: data = './data' } = process.env
  const file = textOf(values, 'token-file')
  if (file !== undefined) return readToken(file)
  const dir = textOf(values, 'data')
  if (dir === undefined && token) return checked(token, 'DITTOFS_TOKEN')
  return readToken(join(dir ?? data, 'token'))
}

function readToken(file: string): Token {
  try {
    return checked(readFileSync(file, 'utf8'), file)
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code
    if (why === undefined) throw error
    throw new Error(
      `cannot read the token ${file} (${why}): --data DIR, --token-file FILE or DITTOFS_TOKEN ` +
        'says where it is',
    )
  }
}

/** What is no token may be another secret: it is neither sent nor printed. */
function checked(text: string, from: string): Token {
  const token = text.trim()
  if (/^[!-~]+$/.test(token)) return { token, from }
  throw new Error(
    `${from} holds no token, which is one word: the file token of the data directory has it`,
  )
}

function baseOf(address: string): URL {
  const text = address.includes('://') ? address : `http://${address}`
  if (URL.canParse(text)) return new URL(text)
  throw new UsageError(`${address} is no address: 127.0.0.1:8080 or [::1]:8080 expected`)
}

export class ApiClient {
  private readonly base: URL
  private readonly token: Token

  constructor(values: OptionValues) {
    const address = textOf(values, 'api') ?? process.env['DITTOFS_API'] ?? '127.0.0.1:8080'
    this.base = baseOf(address)
    this.token = findToken(values)
  }

  get<T>(path: string): Promise<T> {
    return this.ask('GET', path, undefined)
  }

  post<T>(path: string, body: object): Promise<T> {
    return this.ask('POST', path, body)
  }

  patch<T>(path: string, body: object): Promise<T> {
    return this.ask('PATCH', path, body)
  }

  put<T>(path: string, body: object): Promise<T> {
    return this.ask('PUT', path, body)
  }

  async delete(path: string): Promise<void> {
    await this.ask('DELETE', path, undefined)
  }

  /** The lines of an answer of any length as values, as they come. */
  async *lines<T>(method: 'GET' | 'POST', path: string, body?: object): AsyncIterable<T> {
    for await (const line of this.textLines(method, path, body)) {
      const item = JSON.parse(line)
      if (item.problem !== undefined) throw errorOf(item.problem)
      yield item as T
    }
  }

  /** The lines themselves, but for blank ones. */
  async *textLines(method: 'GET' | 'POST', path: string, body?: object): AsyncIterable<string> {
    const silent = new AbortController()
    const onSilence = () => silent.abort()
    let timer = setTimeout(onSilence, ANSWER_MILLIS)
    try {
      const response = await this.request(method, path, body, silent.signal)
      if (response.body === null) return
      for await (const line of linesOf(response.body)) {
        // How long it takes to print them is nothing to do with the server.
        clearTimeout(timer)
        if (line !== '') yield line
        timer = setTimeout(onSilence, ANSWER_MILLIS)
      }
    } catch (error) {
      if (!silent.signal.aborted && (error as Error).name !== 'TypeError') throw error
      throw new Error(`${this.base.host} broke off; its log may say why`)
    } finally {
      clearTimeout(timer)
      silent.abort()
    }
  }

  /**
   * An answer that goes on and on. undefined: it cannot be had now, but maybe later; that is an
   * error unless it was there before, which `again` says.
   */
  async stream(path: string, stop: AbortSignal, again: boolean): Promise<Response | undefined> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), ANSWER_MILLIS)
    try {
      const response = await this.fetch(path, {
        headers: { authorization: `Bearer ${this.token.token}`, accept: NDJSON },
        signal: AbortSignal.any([stop, late.signal]),
        redirect: 'error',
      })
      if (response.ok) return response
      if (again && response.status >= 500) return undefined
      throw await this.problem(response)
    } catch (error) {
      if (stop.aborted || (again && error instanceof UnreachableError)) return undefined
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  private async ask<T>(method: string, path: string, body: object | undefined): Promise<T> {
    const signal = AbortSignal.timeout(ANSWER_MILLIS)
    const response = await this.request(method, path, body, signal)
    if (response.status === 204) return undefined as T
    return (await this.parsed(response)) as T
  }

  /** An answer that is one of success; else what is wrong is thrown. */
  private async request(
    method: string,
    path: string,
    body: object | undefined,
    signal: AbortSignal,
  ): Promise<Response> {
    const { token } = this.token
    const headers: Record<string, string> = { authorization: `Bearer ${token}` }
    if (body !== undefined) headers['content-type'] = 'application/json'
    const response = await this.fetch(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal,
      redirect: 'error',
    })
    if (response.ok) return response
    throw await this.problem(response)
  }

  private async problem(response: Response): Promise<Error> {
    if (response.status === 401) {
      return new Error(
        `${this.base.host} does not accept the token from ${this.token.from}: --data DIR, ` +
          '--token-file FILE or DITTOFS_TOKEN says where its token is',
      )
    }
    return errorOf((await this.parsed(response)) as Partial<ProblemBody>, response.statusText)
  }

  private async fetch(path: string, init: RequestInit): Promise<Response> {
    const { host } = this.base
    try {
      return await fetch(new URL(path, this.base), init)
    } catch (error) {
      const { name, message, cause } = error as Error & { cause?: NodeJS.ErrnoException }
      if (name === 'TimeoutError' || name === 'AbortError') {
        throw new UnreachableError(
          `${host} does not answer: /health and the server's log may say why`,
        )
      }
      if (cause === undefined && name === 'TypeError') throw new UsageError(message)
      throw new UnreachableError(
        `cannot reach ${host}: is the server running? --api ADDR:PORT or DITTOFS_API says where ` +
          `its API listens (${cause?.code ?? cause?.message ?? message})`,
      )
    }
  }

  private async parsed(response: Response): Promise<unknown> {
    const { host } = this.base
    try {
      return JSON.parse(await response.text())
    } catch {
      throw new Error(
        `what ${host} answers (${response.status}) is not DittoFS's API: --api ADDR:PORT or ` +
          'DITTOFS_API says where it listens',
      )
    }
  }
}

const errorOf = ({ title, detail = '' }: Partial<ProblemBody>, otherwise = ''): Error =>
  new Error(`${title ?? otherwise}: ${detail}`)

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
