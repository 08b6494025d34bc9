import type pg from 'pg'
import { appendEvents, events } from '../../apps/server/src/store/log/log-sql.ts'
import { createAgent, openClient } from '../core/client.ts'
import { withConnection } from '../core/database.ts'
import { median, type Options, type Report, type Row, ratios, runsOf } from '../core/figures.ts'
import { databaseUrl, startOutlast, withDataDir } from '../core/servers.ts'

const event = {
  type: 'reason.started',
  context: "'{}'",
  data: `'{"text":"${'x'.repeat(200)}"}'`,
} as const

const append = `
with s as (
  update sessions set sequence = sequence + 4, updated_at = clock_timestamp() where id = $1
  returning id, sequence, updated_at, 4 as added
), ${appendEvents(events(event, event, event, event))}
select sequence from s`

const onTriggers = (state: string) =>
  `alter table sessions ${state} trigger session_created, ${state} trigger session_continued`
const setDue = (value: string) => `update hook_positions set due_at = ${value}`

/** SQL before the appends of a case, and before each of them. */
const cases = {
  'without hooks': { before: onTriggers('disable'), each: undefined },
  'with a hook that has events to process': { before: onTriggers('enable'), each: undefined },
  'with a hook that has processed all events': {
    before: onTriggers('enable'),
    each: setDue('null'),
  },
}
type Case = keyof typeof cases

/** The time of an append without and with event hooks. */
export function eventHooks(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({ env: { DATA_DIR: dataDir } })
    try {
      const { sessionId, close } = await openClient(server.url, await createAgent(server.url))
      close()
      return await withConnection(databaseUrl(dataDir), (db) => measure(db, sessionId, options))
    } finally {
      await server.stop()
    }
  })
}

async function measure(db: pg.Client, sessionId: string, options: Options): Promise<Report> {
  // Most of the time of a commit is the disk's, and varies more than the rest.
  await db.query('set synchronous_commit = off')
  await db.query(`select register_event_hooks('{bench}')`)
  const names = Object.keys(cases) as Case[]
  const times = new Map(names.map((name) => [name, [] as number[]]))
  for (let run = 0; run <= runsOf(options) * 4; run += 1) {
    for (const name of names) {
      const took = await timeAppends(db, sessionId, cases[name])
      // The first run fills caches.
      if (run > 0) times.get(name)!.push(took)
    }
    await db.query('delete from events where session_id = $1 and sequence > 1', [sessionId])
  }
  const without = times.get('without hooks')!
  const rows = names.map((name): Row => {
    const measured = `${(median(times.get(name)!) * 1_000).toFixed(0)} µs`
    return {
      what: `append ${name}`,
      goal: '',
      measured,
      ratio: ratios(times.get(name)!, without).shown,
    }
  })
  return { title: 'Appends with event hooks', rows, notes: ['Without waiting for the disk.'] }
}

type Append = (typeof cases)[Case]

/** Returns the median time of an append of four events on one connection. */
async function timeAppends(db: pg.Client, sessionId: string, { before, each }: Append) {
  await db.query(before)
  const times: number[] = []
  for (let n = 0; n < 150; n += 1) {
    if (each) await db.query(each)
    const begun = performance.now()
    await db.query({ name: 'append', text: append, values: [sessionId] })
    times.push(performance.now() - begun)
  }
  return median(times)
}
