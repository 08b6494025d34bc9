import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { assistant, type Client, createAgent, openClient, twoTools } from '../core/client.ts'
import { type CountingProxy, type Counts, withCountedDatabase } from '../core/counting-proxy.ts'
import { withConnection } from '../core/database.ts'
import { median, type Options, progress, type Report, type Row } from '../core/figures.ts'
import { startOutlast } from '../core/servers.ts'

const perTurnMax = 14
const growthMax = 1.3
const idleMax = 5

/** Statements and bytes of a turn, and statements of an idle server. */
export function statements(options: Options): Promise<Report> {
  return withCountedDatabase(async ({ env, proxy, directUrl }) => {
    const server = await startOutlast({ env })
    return await withConnection(directUrl, (client) =>
      measure({ url: server.url, proxy, client }, options),
    ).finally(server.stop)
  })
}

type Bench = { url: string; proxy: CountingProxy; client: pg.Client }

async function measure(bench: Bench, { quick }: Options): Promise<Report> {
  const idle = await countIdle(bench, quick ? 10_000 : 20_000)
  const agentId = await createAgent(bench.url)
  const text = await countTurns(bench, { agentId, say: 'Hello', turns: quick ? 20 : 100, idle })
  const tools = await countTurns(bench, {
    agentId: assistant,
    say: twoTools,
    turns: quick ? 20 : 100,
    idle,
  })
  const growth = await longSession(bench, { agentId, last: quick ? 100 : 1_000 })
  return {
    title: 'SQL statements and bytes written',
    rows: [
      { ...turnRow('statements of a text turn', text), ...goalOf(text.perTurn) },
      turnRow('statements of a turn with two tools at once', tools),
      { what: 'WAL of a text turn', goal: '', measured: bytes(text.walPerTurn) },
      { what: 'WAL of a turn with two tools', goal: '', measured: bytes(tools.walPerTurn) },
      ...growth,
      {
        what: 'statements of an idle server',
        goal: `≤ ${idleMax} a second`,
        measured: `${idle.toFixed(1)} a second`,
        met: idle <= idleMax,
      },
    ],
    notes: [
      `A text turn: ${text.labels}.`,
      `A turn with two tools: ${tools.labels}.`,
      'Counted on the wire, between a server with `DATABASE_URL` and its PostgreSQL, BEGIN and COMMIT included. A server with `DATABASE_URL` may have peers, which it notifies by NOTIFY; one on its embedded PostgreSQL runs no `notify`.',
    ],
  }
}

const goalOf = (perTurn: number) => ({ goal: `≤ ${perTurnMax}`, met: perTurn <= perTurnMax })
const bytes = (value: number) => `${(value / 1024).toFixed(1)} kB`

async function countIdle({ proxy }: Bench, forMs: number): Promise<number> {
  await sleep(2_000)
  proxy.take()
  await sleep(forMs)
  return proxy.take().total / (forMs / 1000)
}

type Counted = { perTurn: number; walPerTurn: number; labels: string }
type Counting = { agentId: string; say: string; turns: number; idle: number }

async function countTurns(bench: Bench, { agentId, say, turns, idle }: Counting): Promise<Counted> {
  const client = await openClient(bench.url, agentId)
  for (let n = 0; n < 5; n++) await client.turn(say)
  await sleep(100)
  bench.proxy.take()
  const before = await walPosition(bench)
  const begun = performance.now()
  for (let n = 0; n < turns; n++) await client.turn(say)
  await sleep(100)
  const background = (idle * (performance.now() - begun)) / 1000
  const counts = bench.proxy.take()
  const wal = (await walPosition(bench)) - before
  client.close()
  const perTurn = (counts.total - background) / turns
  progress(`${say}: ${perTurn.toFixed(2)} statements, ${bytes(wal / turns)}`)
  return { perTurn, walPerTurn: wal / turns, labels: labelsOf(counts, turns) }
}

function labelsOf({ byLabel }: Counts, turns: number): string {
  return [...byLabel]
    .map(([label, count]) => ({ label, each: count / turns }))
    .filter(({ each }) => each >= 0.1)
    .sort((a, b) => b.each - a.each)
    .map(({ label, each }) => `${each.toFixed(2)} × \`${label}\``)
    .join(', ')
}

const turnRow = (what: string, { perTurn }: Counted): Row => ({
  what,
  goal: '',
  measured: perTurn.toFixed(1),
})

async function walPosition({ client }: Bench): Promise<number> {
  const { rows } = await client.query<{ position: string }>(
    "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as position",
  )
  return Number(rows[0]!.position)
}

type Sample = { statements: number; wal: number; ms: number }

/** Runs many turns in one session: the cost of turns around the tenth and of the last ones. */
async function longSession(bench: Bench, { agentId, last }: { agentId: string; last: number }) {
  const client = await openClient(bench.url, agentId)
  const samples: Sample[] = []
  for (let n = 1; n <= last + 5; n++) samples.push(await sampleTurn(bench, client))
  client.close()
  const around = (n: number) => samples.slice(n - 6, n + 5)
  const of = (n: number, key: keyof Sample) => median(around(n).map((sample) => sample[key]))
  const row = (what: string, key: keyof Sample, show: (value: number) => string): Row => {
    const ratio = of(last, key) / of(10, key)
    return {
      what: `${what}, turn ${last} against turn 10 of a session`,
      goal: key === 'ms' ? '' : `≤ ${growthMax}`,
      measured: `${show(of(last, key))} against ${show(of(10, key))}`,
      ratio: ratio.toFixed(2),
      ...(key !== 'ms' && { met: ratio <= growthMax }),
    }
  }
  return [
    row('statements', 'statements', String),
    row('WAL', 'wal', bytes),
    row('time', 'ms', (value) => `${value.toFixed(1)} ms`),
  ]
}

async function sampleTurn(bench: Bench, client: Client): Promise<Sample> {
  bench.proxy.take()
  const before = await walPosition(bench)
  const ms = await client.turn('Hello')
  const wal = (await walPosition(bench)) - before
  return { statements: bench.proxy.take().total, wal, ms }
}
