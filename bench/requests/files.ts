import { createAgent, openClient } from '../core/client.ts'
import { withConnection } from '../core/database.ts'
import {
  median,
  ms,
  type Options,
  progress,
  type Report,
  runsOf,
  seconds,
} from '../core/figures.ts'
import { createInspector, type Inspector, longestDelay } from '../core/inspect.ts'
import { databaseUrl, startOutlast, withDataDir } from '../core/servers.ts'

const filesCount = 10_000
const listGoalMs = 20
const grepBytes = 104_857_600
const grepGoalMs = 3_000
const blockGoalMs = 20

/** Lists 10,000 files and greps over 100 MB: their time, and the delay of the server's loop. */
export function files(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const env = { DATA_DIR: dataDir, SESSION_FILES_MB: '200' }
    const inspector = await createInspector()
    const ours = await startOutlast({ env, nodeArgs: inspector.nodeArgs })
    try {
      const agent = await createAgent(ours.url)
      const few = await openClient(ours.url, agent)
      const many = await openClient(ours.url, agent)
      for (const client of [few, many]) client.close()
      await fill(databaseUrl(dataDir), many.sessionId)
      const listing = await timeListing(`${ours.url}/v1/sessions/${many.sessionId}/fs`, options)
      const grepping = await timeGrep(
        `${ours.url}/v1/sessions/${few.sessionId}/fs`,
        inspector,
        options,
      )
      return report(listing, grepping)
    } finally {
      await ours.stop()
    }
  })
}

function fill(url: string, sessionId: string) {
  return withConnection(url, (client) =>
    client.query(
      `insert into files (org_id, session_id, path, directory, id, is_directory, is_readonly, size_bytes, created_at, updated_at)
      select s.org_id, s.id, '/data/file-' || lpad(n::text, 5, '0') || '.txt', '/data', gen_random_uuid(), false, false, 100, now(), now()
      from sessions s, generate_series(1, ${filesCount}) n where s.id = $1`,
      [sessionId],
    ),
  )
}

type Listing = { whole: number[]; page: number[] }

async function timeListing(url: string, options: Options): Promise<Listing> {
  const timed = async (query: string) => {
    const begun = performance.now()
    const answer = await fetch(url + query)
    await answer.arrayBuffer()
    return performance.now() - begun
  }
  const times = async (query: string) => {
    for (let warm = 0; warm < 10; warm++) await timed(query)
    const all: number[] = []
    for (let run = 0; run < runsOf(options) * 4; run++) all.push(await timed(query))
    progress(`list${query}: ${ms(median(all))}`)
    return all
  }
  return { whole: await times('?recursive=true'), page: await times('?recursive=true&limit=100') }
}

type Grepping = { pattern: string; took: number[]; blocked: number; idle: number }

const line =
  'The quick brown fox jumps over the lazy dog at 2026-11-25T03:45:00Z, request 12345 took 17 ms\n'
const patterns = ['needle', '(?i)NEEDLE \\d+', '^.*z.*q$', '(x|y|[a-z ]*)*q$']

async function timeGrep(base: string, inspector: Inspector, options: Options): Promise<Grepping[]> {
  const fileBytes = 10_485_760
  for (let n = 0; n < grepBytes / fileBytes; n++) {
    const end = `needle ${n}\n`
    const content = line.repeat(Math.floor((fileBytes - 20) / line.length)) + end
    await post(`${base}/big/${n}.log`, { content })
  }
  const idle = await longestDelay(inspector, () => sleep(2_000))
  const all: Grepping[] = []
  for (const pattern of patterns) {
    const took: number[] = []
    let blocked = 0
    for (let run = 0; run < (options.quick ? 1 : 3); run++) {
      const delay = await longestDelay(inspector, async () => {
        const begun = performance.now()
        await post(`${base}/_/grep`, { pattern })
        took.push(performance.now() - begun)
      })
      blocked = Math.max(blocked, delay)
    }
    progress(
      `${pattern}: ${seconds(median(took))}, longest delay ${ms(blocked)} (idle ${ms(idle)})`,
    )
    all.push({ pattern, took, blocked, idle })
  }
  return all
}

const sleep = (forMs: number) => new Promise((resolve) => setTimeout(resolve, forMs))

async function post(url: string, body: object) {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(await answer.text())
  await answer.arrayBuffer()
}

function report({ whole, page }: Listing, grepping: Grepping[]): Report {
  return {
    title: 'Files of a session',
    rows: [
      {
        what: `all of ${filesCount} files listed, p50`,
        goal: `at most ${listGoalMs} ms`,
        measured: ms(median(whole)),
        met: median(whole) <= listGoalMs,
      },
      { what: 'the first 100 of them, p50', goal: '', measured: ms(median(page)) },
      ...grepping.flatMap(({ pattern, took, blocked, idle }) => [
        {
          what: `grep over 100 MB, \`${pattern.replaceAll('|', '\\|')}\``,
          goal: `at most ${seconds(grepGoalMs)}`,
          measured: seconds(median(took)),
          met: median(took) <= grepGoalMs,
        },
        {
          what: 'longest delay of the loop meanwhile',
          goal: `at most ${blockGoalMs} ms`,
          measured: ms(blocked),
          ratio: `idle ${ms(idle)}`,
          met: blocked <= blockGoalMs,
        },
      ]),
    ],
  }
}
