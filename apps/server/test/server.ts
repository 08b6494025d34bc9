import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AppOptions, startApp } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import { databaseWaits } from '../src/store/database.ts'
import { createTestDatabase, isTestDatabase } from './database.ts'
import { patient } from './waiting.ts'

export type HttpAnswer = {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  body: any
  headers: Headers
}

export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<HttpAnswer>

/** The default master key of servers in tests. */
export const masterKey = `kek-v1:${Buffer.alloc(32, 7).toString('base64')}`

/** Type and content of a body: a string and a form are sent unchanged, other bodies as JSON. */
export function sendable(body: unknown) {
  if (body === undefined) return { headers: {} }
  if (body instanceof FormData) return { headers: {}, body }
  const content = typeof body === 'string' ? body : JSON.stringify(body)
  return { headers: { 'content-type': 'application/json' }, body: content }
}

/** Calls a server like any client. */
export function caller(url: string): Call {
  return async (method, path, body, headers = {}) => {
    const sent = sendable(body)
    const response = await fetch(url + path, {
      method,
      ...sent,
      headers: { ...sent.headers, ...headers },
      redirect: 'manual',
    })
    const text = await response.text()
    const json = response.headers.get('content-type')?.startsWith('application/json')
    return {
      status: response.status,
      body: json && text !== '' ? JSON.parse(text) : text,
      headers: response.headers,
    }
  }
}

const busyMs = 50

/** Repeats requests while the server is busy, and late searches: a client of a slow machine. */
export const insistent =
  (call: Call): Call =>
  async (method, path, body, headers) => {
    const key: Record<string, string> =
      method === 'POST' ? { 'idempotency-key': crypto.randomUUID() } : {}
    for (;;) {
      const answer = await call(method, path, body, { ...key, ...headers })
      const isBusy = [408, 429, 503].includes(answer.status)
      if (!isBusy && answer.body?.code !== 'idempotency_in_progress') return answer
      await sleep(busyMs)
    }
  }

export type ServerOptions = AppOptions & {
  env?: Record<string, string>
  /** Starts another node on this database, instead of creating a database. */
  databaseUrl?: string
}

/** Behind a proxy, which breaks connections, a server waits as long as in the product. */
const waitsAt = (databaseUrl: string) => (isTestDatabase(databaseUrl) ? patient : databaseWaits)

/**
 * Simulated models are available beside stand-in vendors, and run the scripts of tests. Vendors are
 * asked for their models only on request, not at minute 23 of every hour.
 */
export const testSettings = {
  SIMULATED_MODELS: 'always',
  SIMULATED_SCRIPTS: 'true',
  MODEL_SYNC_INTERVAL_HOURS: '0',
}

/** Servers per database, and how to drop it. Hooks run in order, the first server's first. */
const inUse = new Map<string, { servers: number; drop: (() => unknown)[] }>()

async function leave(databaseUrl: string) {
  const use = inUse.get(databaseUrl)!
  use.servers -= 1
  if (use.servers > 0) return
  inUse.delete(databaseUrl)
  for (const drop of use.drop) await drop()
}

/** Records the lines of the log, which a server of this process writes to stderr. */
export function captureLog(t: TestContext): string[] {
  const lines: string[] = []
  t.mock.method(process.stderr, 'write', (text: string) => lines.push(text) > 0)
  return lines
}

/**
 * Starts a complete server in this process, on its own database, which is dropped with its last
 * server. Without a proxy it waits longer for the database than the product does.
 */
export async function startServer(t: Pick<TestContext, 'after'>, options: ServerOptions = {}) {
  const drop: (() => unknown)[] = []
  const later = { after: (work: () => unknown) => drop.push(work) }
  const { env, databaseUrl = await createTestDatabase(later), ...appOptions } = options
  const use = inUse.get(databaseUrl) ?? { servers: 0, drop }
  const config = readConfig({
    PORT: '0',
    LOG_LEVEL: 'error',
    DATABASE_URL: databaseUrl,
    SECRETS_ENCRYPTION_KEY: masterKey,
    SHUTDOWN_GRACE_MS: '1000',
    ...testSettings,
    ...env,
  })
  use.servers += 1
  inUse.set(databaseUrl, use)
  const app = await startApp(config, { databaseWaits: waitsAt(databaseUrl), ...appOptions })
  t.after(async () => {
    await app.stop()
    await leave(databaseUrl)
  })
  return { ...app, call: caller(app.url), databaseUrl }
}
