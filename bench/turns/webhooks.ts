import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { appendEvents, events } from '../../apps/server/src/store/log/log-sql.ts'
import { createAgent } from '../core/client.ts'
import { withConnection } from '../core/database.ts'
import {
  median,
  type Options,
  percentile,
  progress,
  type Report,
  type Row,
  ratios,
  runsOf,
} from '../core/figures.ts'
import { databaseUrl, startOutlast, withDataDir } from '../core/servers.ts'

const eventsPerSecond = 1_000
const delayMsMax = 1_000
const appendMax = 1.05
/** Connections that append, each to sessions of its own. */
const connections = 16
const sessionsEach = 10
/** Longest wait for the last requests. */
const lateMs = 30_000

const completed = {
  type: 'turn.completed',
  context: `'{"turn_id":"turn_00000000000000000000000000000001"}'`,
  data: `'{"turn_id":"turn_00000000000000000000000000000001"}'`,
} as const

const append = `
with s as (
  update sessions set sequence = sequence + 1, updated_at = clock_timestamp() where id = $1
  returning id, sequence, updated_at, 1 as added
), ${appendEvents(events(completed))}
select event_id_of(id, updated_at::timestamptz(3), sequence) as id from s`

/** Events with webhooks: their delay until the request, and the cost of recording them. */
export function webhooks(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const receiver = await startReceiver()
    const env = {
      DATA_DIR: dataDir,
      PRIVATE_HOSTS_ALLOWED: 'webhook=127.0.0.1',
      LOG_LEVEL: 'error',
    }
    const server = await startOutlast({ env })
    try {
      const url = databaseUrl(dataDir)
      const sessions = await openSessions(server.url)
      const cost = await withConnection(url, (db) =>
        measureAppends(db, server.url, sessions[0]!, options),
      )
      await post(server.url, '/v1/webhooks', { url: receiver.url, events: ['turn.completed'] })
      const load = { url, receiver, sessions, options }
      const quiet = await measureDelay(load, 'events a second, from commit to request')
      const backlog = options.quick ? 100_000 : 1_000_000
      await withConnection(url, (db) => fillBacklog(db, server.url, backlog))
      const what = `the same with ${backlog.toLocaleString('en')} undelivered rows of a receiver that is down`
      const rows = [...quiet, ...(await measureDelay(load, what)), ...cost]
      const notes = [
        `${connections} connections append ${eventsPerSecond} events a second, each in its own transaction. Load, receiver, server and PostgreSQL share the machine.`,
      ]
      return { title: 'Webhooks', rows, notes }
    } finally {
      await server.stop()
      receiver.close()
    }
  })
}

async function startReceiver() {
  const arrivals = new Map<string, number>()
  let repeated = 0
  const server = createServer((request, response) => {
    const id = String(request.headers['webhook-id'])
    if (arrivals.has(id)) repeated += 1
    else arrivals.set(id, performance.now())
    request.resume()
    request.on('end', () => response.writeHead(204).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    arrivals,
    repeated: () => repeated,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function post(base: string, path: string, body: object): Promise<{ id: string }> {
  const response = await fetch(base + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response.json() as Promise<{ id: string }>
}

async function openSessions(base: string): Promise<string[]> {
  const agent_id = await createAgent(base)
  const ids: string[] = []
  for (let n = 0; n < connections * sessionsEach; n += 1) {
    ids.push((await post(base, '/v1/sessions', { agent_id })).id)
  }
  return ids
}

type Load = {
  url: string
  receiver: Awaited<ReturnType<typeof startReceiver>>
  sessions: string[]
  options: Options
}

/** Appends events at a fixed rate; returns the delays of their requests. */
async function measureDelay(load: Load, what: string): Promise<Row[]> {
  const { url, receiver, sessions, options } = load
  const pool = new pg.Pool({ connectionString: url, max: connections })
  const committed = new Map<string, number>()
  const seconds = options.quick ? 5 : 30
  const running: Promise<void>[] = []
  const begun = performance.now()
  async function appendOne(n: number) {
    const values = [sessions[n % sessions.length]]
    const { rows } = await pool.query<{ id: string }>({ name: 'append', text: append, values })
    committed.set(rows[0]!.id, performance.now())
  }
  try {
    for (let n = 0; n < seconds * eventsPerSecond; ) {
      const due = ((performance.now() - begun) / 1000) * eventsPerSecond
      for (; n < due; n += 1) running.push(appendOne(n))
      await sleep(5)
    }
    await Promise.all(running)
    const rate = committed.size / ((performance.now() - begun) / 1000)
    const deadline = performance.now() + lateMs
    const missing = () => [...committed.keys()].filter((id) => !receiver.arrivals.has(id)).length
    while (missing() > 0 && performance.now() < deadline) await sleep(100)
    const delays = [...committed].flatMap(([id, at]) => {
      const arrived = receiver.arrivals.get(id)
      return arrived === undefined ? [] : [Math.max(0, arrived - at)]
    })
    const p99 = percentile(delays, 0.99)
    const lost = missing()
    progress(`${what}: ${rate.toFixed(0)} a second, p99 ${p99.toFixed(0)} ms, ${lost} missing`)
    return [
      {
        what: `${eventsPerSecond} ${what}, p99`,
        goal: `≤ ${delayMsMax} ms`,
        measured: `${p99.toFixed(0)} ms (p50 ${percentile(delays, 0.5).toFixed(0)} ms) at ${rate.toFixed(0)} a second; ${lost} missing, ${receiver.repeated()} repeated`,
        met: p99 <= delayMsMax && lost === 0 && rate >= eventsPerSecond * 0.95,
      },
    ]
  } finally {
    await pool.end()
  }
}

/** A webhook that cannot be reached, with rows that are due. */
async function fillBacklog(db: pg.Client, base: string, count: number) {
  const down = { url: 'http://127.0.0.1:9/', events: ['turn.failed'] }
  const { id } = await post(base, '/v1/webhooks', down)
  await db.query(
    `insert into webhook_deliveries (org_id, webhook_id, event_id, event_type, body, due_at)
    select w.org_id, w.id, 'event_' || lpad(n::text, 32, '0'), 'turn.failed', '{"session_id":"session_0"}', now()
    from webhooks w, generate_series(1, $2::integer) n where w.id = $1`,
    [id, count],
  )
  await db.query('vacuum analyze webhook_deliveries')
}

const onTriggers = (state: string) =>
  `alter table sessions ${state} trigger webhooks_of_new_session, ${state} trigger webhooks_of_session`
const setWebhooks = (organization: string) => `update webhooks set org_id = ${organization}`

/** SQL before the appends of a case. */
const cases = {
  'before the first webhook': onTriggers('disable'),
  'without webhooks in the organization': `${onTriggers('enable')}; ${setWebhooks("'org_other'")}`,
  'with a webhook that gets the event': `${onTriggers('enable')}; ${setWebhooks('(select id from organizations limit 1)')}`,
}
type Case = keyof typeof cases

async function measureAppends(
  db: pg.Client,
  base: string,
  session: string,
  options: Options,
): Promise<Row[]> {
  // Most of the time of a commit is the disk's, and varies more than the rest.
  await db.query('set synchronous_commit = off')
  const body = { url: 'http://127.0.0.1:9/', events: ['turn.completed'] }
  const { id } = await post(base, '/v1/webhooks', body)
  const names = Object.keys(cases) as Case[]
  const times = new Map(names.map((name) => [name, [] as number[]]))
  for (let run = 0; run <= runsOf(options) * 4; run += 1) {
    for (const name of names) {
      await db.query(cases[name])
      const took = await timeAppends(db, session)
      // The first run fills caches.
      if (run > 0) times.get(name)!.push(took)
    }
  }
  await db.query(`${setWebhooks('(select id from organizations limit 1)')}`)
  await fetch(`${base}/v1/webhooks/${id}`, { method: 'DELETE' })
  const without = times.get('before the first webhook')!
  return names.map((name): Row => {
    const { shown, value } = ratios(times.get(name)!, without)
    const isLimited = name === 'without webhooks in the organization'
    return {
      what: `append of an event ${name}`,
      goal: isLimited ? `≤ ${appendMax}` : '',
      measured: `${(median(times.get(name)!) * 1_000).toFixed(0)} µs`,
      ratio: shown,
      ...(isLimited && { met: value <= appendMax }),
    }
  })
}

/** Returns the median time of an append on one connection. */
async function timeAppends(db: pg.Client, session: string): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < 150; n += 1) {
    const begun = performance.now()
    await db.query({ name: 'append', text: append, values: [session] })
    times.push(performance.now() - begun)
  }
  return median(times)
}
