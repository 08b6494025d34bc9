import { type Database, openDatabase } from '../../apps/server/src/store/database.ts'
import { findByKey, getSession } from '../../apps/server/src/store/sessions/sessions.ts'
import { withConnection } from '../core/database.ts'
import { median, type Options, progress, type Report, ratios, runsOf } from '../core/figures.ts'
import { addAgents, addSessions, organizationId } from '../core/fill.ts'
import { databaseUrl, startOutlast, withDataDir } from '../core/servers.ts'

const ratioMax = 1.1
const lookups = 2_000

type Keyed = { id: string; agent_id: string; key: string }

/** Finds sessions by key and by id, one after the other, on one connection. */
export function sessionKey(options: Options): Promise<Report> {
  const count = options.quick ? 100_000 : 1_000_000
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({ env: { DATA_DIR: dataDir } })
    const url = databaseUrl(dataDir)
    const db = openDatabase({ url, max: 1, onError() {} })
    try {
      const sessions = await fill(url, count)
      return report(count, await timeRuns(db, sessions, options))
    } finally {
      await db.close()
      await server.stop()
    }
  })
}

/** Adds sessions with keys. Returns those to look up, which are all over the table. */
function fill(url: string, count: number): Promise<Keyed[]> {
  return withConnection(url, async (client) => {
    await addAgents(client)
    await addSessions(client, count)
    await client.query(`update sessions set key = 'chat-' || right(id, 32)`)
    await client.query('vacuum (analyze) sessions')
    const { rows } = await client.query<Keyed>(
      'select id, agent_id, key from sessions where org_id = $1 order by md5(id) limit $2',
      [organizationId, lookups],
    )
    return rows
  })
}

async function timeRuns(db: Database, sessions: Keyed[], options: Options) {
  const byId = ({ id }: Keyed) => getSession(db, organizationId, id)
  const byKey = ({ agent_id, key }: Keyed) =>
    findByKey(db, organizationId, { agent_id, key, user: null })
  const times: { id: number[]; key: number[] } = { id: [], key: [] }
  for (const find of [byId, byKey]) await timeOf(sessions, find)
  for (let run = 0; run < runsOf(options); run++) {
    times.id.push(await timeOf(sessions, byId))
    times.key.push(await timeOf(sessions, byKey))
    progress(
      `run ${run + 1}: ${times.id.at(-1)!.toFixed(3)} and ${times.key.at(-1)!.toFixed(3)} ms`,
    )
  }
  return times
}

/** Returns the mean time of a look-up in ms. */
async function timeOf(sessions: Keyed[], find: (one: Keyed) => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  for (const session of sessions) await find(session)
  return (performance.now() - begun) / sessions.length
}

function report(count: number, { id, key }: { id: number[]; key: number[] }): Report {
  const { value, shown } = ratios(key, id)
  const measured = `${median(key).toFixed(3)} ms, by id ${median(id).toFixed(3)} ms`
  return {
    title: `A session by its key among ${count.toLocaleString('en')} sessions`,
    rows: [
      {
        what: 'look-up by key against by id',
        goal: `at most ${ratioMax}`,
        measured,
        ratio: shown,
        met: value <= ratioMax,
      },
    ],
    notes: [`Mean time of ${lookups.toLocaleString('en')} look-ups on one connection, warm.`],
  }
}
