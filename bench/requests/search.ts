import type pg from 'pg'
import { type Database, openDatabase } from '../../apps/server/src/store/database.ts'
import { markOf, tsvectorOf } from '../../apps/server/src/store/sessions/search/words.ts'
import { listSessions } from '../../apps/server/src/store/sessions/session-lists.ts'
import { withConnection } from '../core/database.ts'
import { ms, type Options, percentile, progress, type Report, type Row } from '../core/figures.ts'
import { addAgents, addSessions, agentId, organizationId } from '../core/fill.ts'
import { askTimes } from '../core/load.ts'
import { databaseUrl, startOutlast, withDataDir } from '../core/servers.ts'

const p95MaxMs = 200
const messages = 10
const wordsPerMessage = 30
const vocabulary = 200_000
const atOnce = 2_000
const queriesEach = 40
const smallOrganization = 'org_00000000000000000000000000000002'
const smallCount = 200

/** A search in the texts of sessions: kinds of words, in one organization with almost all rows. */
export function search(options: Options): Promise<Report> {
  const count = options.quick ? 20_000 : 1_000_000
  return withDataDir(async (dataDir) => {
    // Its index is written here: a node that runs turns would read these sessions as well.
    const server = await startOutlast({ env: { DATA_DIR: dataDir, ROLE: 'api' } })
    const url = databaseUrl(dataDir)
    const db = openDatabase({ url, max: 2, onError() {} })
    try {
      await withConnection(url, (client) => fill(client, count))
      return report(count, [...(await timeKinds(server.url, count)), await timeSmall(db)])
    } finally {
      await db.close()
      await server.stop()
    }
  })
}

/** A word by its rank: letters that are spread over the alphabet. */
function wordOf(rank: number): string {
  let left = (rank * 7_919 + 104_729) % 11_881_376
  let word = ''
  for (let at = 0; at < 5; at += 1) {
    word += String.fromCharCode(97 + (left % 26))
    left = Math.floor(left / 26)
  }
  return word
}

/** Draws ranks as in natural languages: the frequency of a word is inverse to its rank. */
const drawRank = () => Math.floor(vocabulary ** Math.random()) - 1

const words = Array.from({ length: vocabulary }, (_, rank) => wordOf(rank))
const drawWords = () => Array.from({ length: messages * wordsPerMessage }, () => words[drawRank()]!)

async function fill(client: pg.Client, count: number) {
  await client.query('alter table sessions disable trigger user')
  await addAgents(client)
  await addSessions(client, count)
  await addSmall(client)
  progress('sessions are there')
  await client.query('alter table events set (autovacuum_enabled = false)')
  await client.query('alter table events drop constraint events_pkey')
  await client.query(
    `insert into events (session_id, sequence, type, ts, context, data)
     select 'session_' || md5(n::text), m + 1, case when m % 2 = 1 then 'input.message' else 'output.message.completed' end,
       timestamptz '2026-01-01' + n * interval '1 second', '{}',
       json_build_object('message', json_build_object('role', 'user', 'content', json_build_array(json_build_object('type', 'text', 'text', $2::text))))
     from generate_series(1, $1::int) n, generate_series(1, $3::int) m`,
    [count, drawWords().slice(0, wordsPerMessage).join(' '), messages],
  )
  await client.query('alter table events add primary key (session_id, sequence)')
  progress('messages are there')
  await addWords(client, count)
  await client.query('alter table sessions enable trigger user')
  await client.query('vacuum (analyze) sessions, events, search_words, search_sessions')
  await client.query('checkpoint')
}

/** An organization with few sessions, whose words are those of the other one. */
async function addSmall(client: pg.Client) {
  await client.query(`insert into organizations (id, name) values ($1, 'Small')`, [
    smallOrganization,
  ])
  await client.query(
    `insert into sessions (org_id, id, agent_id, status, sequence) select $1, 'session_small' || n, $2, 'idle', 1
     from generate_series(1, $3::int) n`,
    [smallOrganization, agentId(1), smallCount],
  )
}

function drawVector(mark: string): string {
  const words = drawWords()
  return tsvectorOf(
    mark,
    Map.groupBy(
      Array.from(words, (_, at) => at + 1),
      (at) => words[at - 1]!,
    ),
  )
}

async function addWords(client: pg.Client, count: number) {
  await client.query('drop index search_words_by_word')
  await client.query('alter table search_words disable trigger all')
  const marks = { large: markOf(organizationId), small: markOf(smallOrganization) }
  for (let from = 1; from <= count; from += atOnce) {
    const vectors = Array.from({ length: Math.min(atOnce, count - from + 1) }, () =>
      drawVector(marks.large),
    )
    await client.query(
      `insert into search_words (org_id, session_id, created_at, part, from_sequence, to_sequence, words)
       select $1, 'session_' || md5(($2 + ord - 1)::text), timestamptz '2026-01-01' + ($2 + ord - 1) * interval '1 second', 1, 2, ${messages + 1}, w::tsvector
       from unnest($3::text[]) with ordinality as u(w, ord)`,
      [organizationId, from, vectors],
    )
    if (from % 100_000 === 1) progress(`words of ${from.toLocaleString('en')} sessions`)
  }
  const small = Array.from({ length: smallCount }, () => drawVector(marks.small))
  await client.query(
    `insert into search_words (org_id, session_id, created_at, part, from_sequence, to_sequence, words)
     select $1, 'session_small' || ord, now(), 1, 1, 1, w::tsvector from unnest($2::text[]) with ordinality as u(w, ord)`,
    [smallOrganization, small],
  )
  await client.query(
    `insert into search_sessions (org_id, session_id, sequence, active_at, cost_nanos)
     select org_id, id, sequence, updated_at, (random() * 1e9)::bigint from sessions`,
  )
  await client.query('alter table search_words enable trigger all')
  await client.query(`set maintenance_work_mem = '1GB'`)
  await client.query('create index search_words_by_word on search_words using gin (words)')
  progress('the index is there')
}

const between = (from: number, to: number) => from + Math.floor(Math.random() * (to - from))
const word = (from: number, to: number) => words[between(from, to)]!

/** Searches by the frequency of their words. */
const kinds: Record<string, () => string> = {
  'a word of most sessions': () => word(0, 20),
  'a word of some sessions in a hundred': () => word(300, 1_000),
  'a word of some sessions in a thousand': () => word(3_000, 10_000),
  'a rare word': () => word(50_000, vocabulary),
  'a frequent and a rare word': () => `${word(0, 20)} ${word(50_000, vocabulary)}`,
  'two words of some sessions in a hundred': () => `${word(300, 1_000)} ${word(300, 1_000)}`,
  'a phrase': () => `"${word(100, 300)} ${word(100, 300)}"`,
  'a beginning of three letters': () => `${word(0, vocabulary).slice(0, 3)}*`,
  'a word that no session has': () => 'qqqqqqq',
}

async function timeKinds(url: string, count: number) {
  const filter = `&agent_id=${agentId(2)}`
  const paths = Object.entries(kinds).map(([what, draw]) => ({ what, draw, more: '' }))
  const ofAgent = { what: 'a word of some sessions in a hundred, of an agent', more: filter }
  const all = [...paths, { ...ofAgent, draw: kinds['a word of some sessions in a hundred']! }]
  const times: { what: string; p95: number; p50: number; all: number[] }[] = []
  for (const { what, draw, more } of all) {
    const each: number[] = []
    for (let at = 0; at < queriesEach; at += 1) {
      const path = `/v1/sessions?limit=20&q=${encodeURIComponent(draw())}${more}`
      each.push(...(await askTimes(url, path, 1)))
    }
    times.push({ what, p50: percentile(each, 0.5), p95: percentile(each, 0.95), all: each })
    progress(
      `${count.toLocaleString('en')}: ${what}: p50 ${ms(times.at(-1)!.p50)}, p95 ${ms(times.at(-1)!.p95)}`,
    )
  }
  return times
}

async function timeSmall(db: Database) {
  const each: number[] = []
  for (let at = 0; at < queriesEach; at += 1) {
    const begun = performance.now()
    const query = { q: word(0, 1_000), userId: 'nobody', offset: 0, limit: 20 }
    await listSessions(db, smallOrganization, query)
    each.push(performance.now() - begun)
  }
  const what = `in an organization with ${smallCount} sessions beside it`
  return { what, p50: percentile(each, 0.5), p95: percentile(each, 0.95), all: each }
}

function report(count: number, times: Awaited<ReturnType<typeof timeKinds>>): Report {
  const all = percentile(
    times.flatMap((each) => each.all),
    0.95,
  )
  const rows: Row[] = times.map(({ what, p50, p95 }) => ({
    what,
    goal: `p95 ≤ ${p95MaxMs} ms`,
    measured: `p50 ${ms(p50)}, p95 ${ms(p95)}`,
    met: p95 <= p95MaxMs,
  }))
  return {
    title: `Search among ${count.toLocaleString('en')} sessions with ${messages} messages each`,
    rows: [
      {
        what: 'all searches',
        goal: `p95 ≤ ${p95MaxMs} ms`,
        measured: `p95 ${ms(all)}`,
        met: all <= p95MaxMs,
      },
      ...rows,
    ],
    notes: [
      `${queriesEach} searches of each kind with other words, one after the other, 20 sessions with snippets each. Messages have ${wordsPerMessage} words, of ${vocabulary.toLocaleString('en')} with natural frequencies.`,
    ],
  }
}
