import { call, createAgent, openClient } from '../core/client.ts'
import { queryRows } from '../core/database.ts'
import {
  mb,
  median,
  ms,
  type Options,
  progress,
  type Report,
  ratios,
  runsOf,
} from '../core/figures.ts'
import { createInspector, type Inspector, longestDelay } from '../core/inspect.ts'
import { databaseUrl, residentMb, startOutlast, withDataDir } from '../core/servers.ts'

const eventsCount = 10_000
const filesMb = 100
const forkGoalMs = 300
const sampleMs = 10

/** Forks of a long session with many files and of a short one, and exports of the long one. */
export function fork(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const inspector = await createInspector()
    const env = { DATA_DIR: dataDir, SESSION_FILES_MB: String(2 * filesMb) }
    const server = await startOutlast({ env, nodeArgs: inspector.nodeArgs })
    try {
      const agent = await createAgent(server.url)
      const small = await talk(server.url, agent)
      const large = await talk(server.url, agent)
      await lengthen(databaseUrl(dataDir), large)
      await addFiles(server.url, large)
      const forks = await timeForks(server.url, { small, large }, options)
      const exports: Export[] = []
      for (const query of ['', '?files=content']) {
        exports.push(await measure({ ...server, inspector }, { sessionId: large, query }, options))
      }
      return report(forks, exports)
    } finally {
      await server.stop()
    }
  })
}

/** Returns a session after one turn. */
async function talk(url: string, agent: string): Promise<string> {
  const client = await openClient(url, agent)
  await client.turn('What do you know of the sea? '.repeat(20))
  client.close()
  return client.sessionId
}

/** Repeats the turn until the log has the required number of events. */
function lengthen(url: string, sessionId: string) {
  return queryRows(
    url,
    `with e as (select *, max(sequence) over () as last from events where session_id = $1 and sequence > 1),
    more as (
      insert into events (session_id, sequence, type, ts, context, data)
      select session_id, sequence + n * (last - 1), type, ts, context, data
      from e, generate_series(1, $2::int / (last - 1) + 1) n where sequence + n * (last - 1) <= $2
    )
    update sessions set sequence = $2 where id = $1`,
    [sessionId, eventsCount],
  )
}

async function addFiles(url: string, sessionId: string) {
  for (let n = 0; n < filesMb; n += 1) {
    const content = `file ${n}, and the same line again\n`.repeat(40_000).slice(0, 1_048_576)
    const file = `/v1/sessions/${sessionId}/fs/data/file-${n}.txt`
    await call(url, 'POST', file, { content: content.padEnd(1_048_576) })
  }
}

type Forks = { small: number[]; large: number[] }
type Sessions = { small: string; large: string }

async function timeForks(url: string, sessions: Sessions, options: Options): Promise<Forks> {
  const timed = async (sessionId: string) => {
    const begun = performance.now()
    const { id } = await call<{ id: string }>(url, 'POST', `/v1/sessions/${sessionId}/fork`)
    const took = performance.now() - begun
    await fetch(`${url}/v1/sessions/${id}`, { method: 'DELETE' })
    return took
  }
  const forks: Forks = { small: [], large: [] }
  for (const id of Object.values(sessions)) await timed(id)
  for (let run = 1; run <= runsOf(options) * 2; run += 1) {
    forks.small.push(await timed(sessions.small))
    forks.large.push(await timed(sessions.large))
    progress(`run ${run}: ${ms(forks.large.at(-1)!)}, small ${ms(forks.small.at(-1)!)}`)
  }
  return forks
}

type Served = { url: string; pid: number; inspector: Inspector }
type Asked = { sessionId: string; query: string }
type Export = Asked & { bytes: number; tookMs: number[]; grewMb: number; delayMs: number }

/** Measures the speed of an export, the server's memory for it, and the delay of its loop. */
async function measure(
  { url, pid, inspector }: Served,
  asked: Asked,
  options: Options,
): Promise<Export> {
  const path = `${url}/v1/sessions/${asked.sessionId}/export${asked.query}`
  const found: Export = { ...asked, bytes: 0, tookMs: [], grewMb: 0, delayMs: 0 }
  await read(path)
  for (let run = 1; run <= runsOf(options); run += 1) {
    await inspector.heapMb()
    const before = residentMb(pid)
    const timer = setInterval(() => {
      found.grewMb = Math.max(found.grewMb, residentMb(pid) - before)
    }, sampleMs)
    const delay = await longestDelay(inspector, async () => {
      const begun = performance.now()
      found.bytes = await read(path)
      found.tookMs.push(performance.now() - begun)
    })
    clearInterval(timer)
    found.delayMs = Math.max(found.delayMs, delay)
  }
  progress(`export${asked.query}: ${ms(median(found.tookMs))}, ${mb(found.grewMb)} more in memory`)
  return found
}

async function read(url: string): Promise<number> {
  let bytes = 0
  for await (const chunk of (await fetch(url)).body!) bytes += chunk.length
  return bytes
}

function report({ small, large }: Forks, exports: Export[]): Report {
  const ratio = ratios(large, small)
  return {
    title: 'Forks and exports',
    rows: [
      {
        what: `a fork of ${eventsCount} events and ${filesMb} MB of files, p50`,
        goal: `at most ${forkGoalMs} ms`,
        measured: ms(median(large)),
        ratio: `${ratio.shown} of a small one`,
        met: median(large) <= forkGoalMs,
      },
      { what: 'a fork of a session with one turn, p50', goal: '', measured: ms(median(small)) },
      ...exports.flatMap(({ query, bytes, tookMs, grewMb, delayMs }) => [
        {
          what: `its export${query}, ${mb(bytes / 1e6)}`,
          goal: '',
          measured: `${mb(bytes / 1e3 / median(tookMs))} a second`,
        },
        {
          what: 'memory that the server takes meanwhile',
          goal: '',
          measured: mb(grewMb),
        },
        { what: 'longest delay of its loop', goal: '', measured: ms(delayMs) },
      ]),
    ],
    notes: ['Files of 1 MB. Each fork is deleted before the next.'],
  }
}
