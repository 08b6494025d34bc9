import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { createLog } from '../apps/server/src/log.ts'
import { startEmbedded } from '../apps/server/src/store/embedded.ts'
import { openClient } from './client.ts'
import { withConnection } from './database.ts'
import { median, type Options, progress, type Report } from './figures.ts'
import { agentOn, type Model, startModel } from './model.ts'
import { startOutlast, withDataDir } from './servers.ts'

const perTurnMaxKb = 16
const growthMax = 1.1
const length = 200
const youngEvents = 10
const oldEvents = 10_000
const samples = 15
/** Longer than PostgreSQL takes to flush what no commit waited for. */
const settleMs = 300
const question = 'q'.repeat(length)

/** After a checkpoint PostgreSQL writes whole pages, which are not counted, but also more of everything else. */
const settings = { checkpoint_timeout: '1h', max_wal_size: '8GB' }

/** What a question and an answer of 200 characters write to the log of PostgreSQL, early and late in a session. */
export function wal(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const log = createLog('warn')
    const embedded = await startEmbedded({ dataDir, log, onFatal: fail, settings })
    const model = await startModel((say) => say('a'.repeat(length)))
    const server = await startOutlast({ env: { DATA_DIR: dataDir, DATABASE_URL: embedded.url } })
    try {
      return await withConnection(embedded.url, (client) =>
        measure({ url: server.url, model, client }, options),
      )
    } finally {
      await server.stop()
      await model.close()
      await embedded.stop()
    }
  })
}

function fail(error: Error): never {
  throw error
}

type Bench = { url: string; model: Model; client: pg.Client }

async function measure(bench: Bench, { quick }: Options): Promise<Report> {
  await bench.client.query('create extension if not exists pg_walinspect')
  const agentId = await agentOn(bench.url, bench.model)
  const last = quick ? oldEvents / 10 : oldEvents
  // The first turns of a server fill caches and make plans; they would count as young.
  await growing(bench, { agentId, events: 100, sessions: 1 })
  const young = await growing(bench, { agentId, events: youngEvents, sessions: samples })
  const old = await growing(bench, { agentId, events: last, sessions: 1 })
  const ratio = old / young
  return {
    title: `WAL of a question and an answer of ${length} characters each`,
    rows: [
      {
        what: `after ${youngEvents} events of history`,
        goal: `≤ ${perTurnMaxKb} KB`,
        measured: kb(young),
        met: young <= perTurnMaxKb * 1024,
      },
      {
        what: `after ${last.toLocaleString('en')} events of history`,
        goal: `≤ ${perTurnMaxKb} KB, ratio ≤ ${growthMax}`,
        measured: kb(old),
        ratio: ratio.toFixed(2),
        met: old <= perTurnMaxKb * 1024 && ratio <= growthMax,
      },
    ],
    notes: [
      `Medians of ${samples} turns. What PostgreSQL wrote, less whole pages, which it writes at the first change after a checkpoint, by \`pg_walinspect\`; renewals of the lease and whatever else the server does meanwhile are counted.`,
    ],
  }
}

const kb = (bytes: number) => `${(bytes / 1024).toFixed(1)} KB`

type Growing = { agentId: string; events: number; sessions: number }

/** Talks until sessions have that much history, then measures turn after turn. */
async function growing(bench: Bench, { agentId, events, sessions }: Growing): Promise<number> {
  const { url, client } = bench
  const written: number[] = []
  for (let n = 0; n < sessions; n++) {
    const talker = await openClient(url, agentId)
    while ((await eventsOf(client, talker.sessionId)) < events) await talker.turn(question)
    for (let sample = 0; sample < samples / sessions; sample++) {
      written.push(await writtenBy(client, () => talker.turn(question)))
    }
    talker.close()
  }
  progress(`after ${events} events: ${kb(median(written))}`)
  return median(written)
}

async function eventsOf(client: pg.Client, sessionId: string): Promise<number> {
  const { rows } = await client.query<{ sequence: number }>(
    'select sequence from sessions where id = $1',
    [sessionId],
  )
  return rows[0]!.sequence
}

/** Bytes of WAL that some work made, less whole pages. */
async function writtenBy(client: pg.Client, work: () => Promise<unknown>): Promise<number> {
  const before = await flushedPosition(client)
  await work()
  await sleep(settleMs)
  const { rows } = await client.query<{ bytes: string }>(
    `select pg_wal_lsn_diff(upto, $1::pg_lsn) - coalesce(
       (select sum(block_fpi_length) from pg_get_wal_block_info($1::pg_lsn, upto, false)), 0) as bytes
     from pg_current_wal_flush_lsn() as upto`,
    [before],
  )
  return Number(rows[0]!.bytes)
}

/** Only what is on disk can be looked into. */
async function flushedPosition(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ position: string }>(
    'select pg_current_wal_flush_lsn() as position',
  )
  return rows[0]!.position
}
