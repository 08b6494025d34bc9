import pg from 'pg'
import { hostUrls } from '../config/postgres-hosts.ts'
import { standbyError } from './database-errors.ts'
import { limitQueries } from './query-limit.ts'

const timestamptz = 1184
const int8 = 20

/**
 * Converts `2026-11-24 15:09:30.12+00`, PostgreSQL's text in UTC, to RFC 3339 with milliseconds.
 */
function toRfc3339(text: string): string {
  const fraction = text.slice(20, -3).padEnd(3, '0').slice(0, 3)
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${fraction}Z`
}

const parsers: Record<number, (text: string) => unknown> = {
  [timestamptz]: toRfc3339,
  [int8]: Number,
}

const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    return format === 'binary'
      ? pg.types.getTypeParser(oid, format)
      : (parsers[oid] ?? pg.types.getTypeParser(oid))
  },
} as pg.CustomTypesConfig

/**
 * Parameters that the code requires in every session. They override those of the role, the
 * database and DATABASE_URL. Only `statement_timeout` limits statements.
 * `default_transaction_read_only` is left to the server.
 */
const sessionParameters = {
  timezone: 'UTC',
  datestyle: 'ISO',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  default_transaction_isolation: 'read committed',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_session_timeout: '0',
  // Longer than any transaction of this server waits for anything but the database.
  idle_in_transaction_session_timeout: '60s',
  // Statements are short and frequent: compiling one takes longer than running it.
  jit: 'off',
}

/** Parameters of a URL that would override these. Its `options` are kept and put first. */
const overridden = ['query_timeout', 'target_session_attrs', ...Object.keys(sessionParameters)]

function withoutOverridden(url: string): string {
  const mark = url.indexOf('?')
  if (mark < 0) return url
  const parameters = new URLSearchParams(url.slice(mark))
  for (const name of overridden) parameters.delete(name)
  return `${url.slice(0, mark)}?${parameters}`
}

/**
 * By URL: the index of the host of the latest connection. A hint: a wrong value costs one attempt.
 */
const currentHosts = new Map<string, number>()
const triedHosts = new WeakMap<pg.Client, { url: string; index: number; count: number }>()

/** Creates an unconnected database client. Of several hosts, uses that of the latest connection. */
export function newClient(url: string, options: pg.ClientConfig = {}): pg.Client {
  const urls = hostUrls(url)
  const index = currentHosts.get(url) ?? 0
  const client = new pg.Client({
    application_name: 'outlast',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    types,
    ...options,
    connectionString: withoutOverridden(urls[index]!),
  })
  triedHosts.set(client, { url, index, count: urls.length })
  const connect = client.connect.bind(client)
  client.connect = ((connected?: (error?: Error) => void) => {
    if (!connected) return connect().catch((error) => Promise.reject(leaveHost(client, error)))
    connect((error?: Error) => connected(error && leaveHost(client, error)))
  }) as typeof client.connect
  return client
}

/** Switches to the next host, unless another client has already switched. */
function leaveHost(client: pg.Client, error: Error): Error {
  const { url, index, count } = triedHosts.get(client)!
  if ((currentHosts.get(url) ?? 0) === index) currentHosts.set(url, (index + 1) % count)
  return error
}

/** Creates clients for a pool, each for the host that is current at that time. */
export const clientOf = (url: string, options: pg.ClientConfig, limitMs: number) =>
  function Client() {
    return limitQueries(newClient(url, options), limitMs)
  } as unknown as typeof pg.Client

/** PostgreSQL has this limit since version 17. */
const withoutTransactionTimeout =
  "select set_config(name, '0', false) from pg_settings where name = 'transaction_timeout'"

/**
 * Sets the required parameters by a statement, because poolers do not pass on startup parameters.
 * Contract: throws 25006 (read-only transaction) for a standby, which must not be used; the next
 * connection goes to the next host.
 */
export async function prepareSession(
  client: pg.Client,
  own: Record<string, string> = {},
): Promise<void> {
  const values = Object.entries({ ...sessionParameters, ...own }).flat()
  const settings = values
    .filter((_, index) => index % 2 === 0)
    .map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, false)`)
  const { rows } = await client.query<{ standby: boolean }>(
    `select pg_is_in_recovery() as standby, ${settings.join(', ')}, (${withoutTransactionTimeout})`,
    values,
  )
  if (rows[0]!.standby) throw leaveHost(client, standbyError())
}
