import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../core/children.ts'
import { assistant, call, openClient, twoTools } from '../core/client.ts'
import { withConnection } from '../core/database.ts'
import {
  median,
  ms,
  type Options,
  progress,
  type Report,
  type Row,
  ratios,
  runsOf,
} from '../core/figures.ts'
import { agentOn, startModel } from '../core/model.ts'
import { databaseUrl, startOutlast, withDataDir } from '../core/servers.ts'
import type { ReadAnswer, ReadOrder } from './sdk-reader.ts'

const ratioMax = 1.1
/** The event that ends the read: the last one of a history, the only one of its type. */
const last = 'turn.failed'
const wordPauseMs = 50

type Size = { events: number; sessions: number; words: number }
const full: Size = { events: 100_000, sessions: 100, words: 100 }
const small: Size = { events: 10_000, sessions: 20, words: 20 }

/** Cost of the SDK over a hand-written reader: for a long history, and for live text. */
export function sdkStream(options: Options): Promise<Report> {
  const size = options.quick ? small : full
  return withDataDir(async (dataDir) => {
    const env = { DATA_DIR: dataDir, WORKER_SLOTS: String(size.sessions) }
    const server = await startOutlast({ env })
    const reader = startChild('streams/sdk-reader.ts')
    try {
      const sessionId = await longSession(server.url, { database: databaseUrl(dataDir), size })
      const rows = [
        ...(await history(reader, { url: server.url, sessionId, options, size })),
        ...(await live(reader, { url: server.url, options, size })),
      ]
      return { title: 'A stream read with the SDK, and by hand', rows, notes: notesOf(size) }
    } finally {
      reader.kill()
      await server.stop()
    }
  })
}

/** Creates a session of repeated turns with two tools, with `size.events` events and one more. */
async function longSession(url: string, { database, size }: { database: string; size: Size }) {
  const client = await openClient(url, assistant)
  await client.turn(twoTools)
  client.close()
  const { sessionId } = client
  await withConnection(database, async (db) => {
    const { rows } = await db.query<{ sequence: number }>(
      'select sequence from sessions where id = $1',
      [sessionId],
    )
    const { sequence } = rows[0]!
    await db.query(
      `with turn as (
         select row_number() over (order by sequence) - 1 as n, count(*) over () as size, type, ts, context, data
         from events where session_id = $1 and sequence > 1 and type <> 'llm.generation'
       )
       insert into events (session_id, sequence, type, ts, context, data)
       select $1, g, type, ts, context, data
       from generate_series($2::int + 1, $3::int) g join turn on turn.n = g % turn.size`,
      [sessionId, sequence, size.events],
    )
    const end = { turn_id: `turn_${'0'.repeat(32)}`, error: 'The end.' }
    await db.query(
      `insert into events (session_id, sequence, type, ts, context, data)
       values ($1, $2, $3, now(), '{}', $4)`,
      [sessionId, size.events + 1, last, end],
    )
    await db.query('update sessions set sequence = $2 where id = $1', [sessionId, size.events + 1])
  })
  return sessionId
}

type Reading = { url: string; options: Options; size: Size }

async function history(
  reader: ChildProcess,
  { url, sessionId, options, size }: Reading & { sessionId: string },
): Promise<Row[]> {
  const recorded = await record(`${url}/v1/sessions/${sessionId}/sse?accumulated=false`)
  const replay = await startReplay(recorded)
  const name = `${size.events.toLocaleString('en')} stored events`
  try {
    const fromServer = await alternate(reader, options, { url, sessionIds: [sessionId], last })
    const at = { url: replay.url, sessionIds: [sessionId], last }
    const fromMemory = await alternate(reader, options, at)
    return [
      row(`${name}, served from memory: time`, fromMemory, 'wallMs'),
      row(`${name}, served from memory: processor`, fromMemory, 'cpuMs'),
      row(`${name}, from our server: time`, fromServer, 'wallMs'),
      row(`${name}, from our server: processor`, fromServer, 'cpuMs'),
    ]
  } finally {
    await replay.close()
  }
}

/** Returns the bytes of a stream up to the end of its last event. */
async function record(url: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get(url, { agent: false }, resolve).on('error', reject)
  })
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    const tail = Buffer.concat(chunks.slice(-2)).toString('latin1')
    if (tail.includes(`event: ${last}\n`) && tail.endsWith('\n\n')) break
  }
  response.destroy()
  return Buffer.concat(chunks)
}

/** Serves recorded bytes as fast as they are read, for any request. */
async function startReplay(bytes: Buffer) {
  const server = http.createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    response.write(bytes)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** Sessions that all stream the same words at the same time. */
async function live(reader: ChildProcess, { url, options, size }: Reading): Promise<Row[]> {
  const model = await startModel(async (say) => {
    for (let n = 0; n < size.words; n++) {
      say(`word${n} `)
      await sleep(wordPauseMs)
    }
  })
  try {
    const agentId = await agentOn(url, model)
    const pairs = await pairsOf(options, async (how) => {
      const sessionIds = await createSessions(url, agentId, size.sessions)
      const read = order(reader, { how, url, sessionIds, last: 'session.idled' })
      const message = { content: [{ type: 'text', text: 'Go on.' }] }
      await Promise.all(
        sessionIds.map((id) => call(url, 'POST', `/v1/sessions/${id}/messages`, { message })),
      )
      return read
    })
    const name = `${size.sessions} sessions that stream ${size.words} words at 20 a second`
    return [row(`${name}: processor`, pairs, 'cpuMs')]
  } finally {
    await model.close()
  }
}

const createSessions = (url: string, agent_id: string, count: number) =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const { id } = await call<{ id: string }>(url, 'POST', '/v1/sessions', { agent_id })
      return id
    }),
  )

type Pairs = { sdk: ReadAnswer[]; hand: ReadAnswer[] }

async function alternate(
  reader: ChildProcess,
  options: Options,
  where: Omit<ReadOrder, 'how'>,
): Promise<Pairs> {
  const pairs = await pairsOf(options, (how) => order(reader, { how, ...where }))
  const counts = new Set(
    [...pairs.sdk, ...pairs.hand].map(({ events, units }) => `${events} ${units}`),
  )
  if (counts.size !== 1) throw new Error(`Both ways read something else: ${[...counts]}`)
  return pairs
}

/** Measures both ways in alternating order, each after a run to warm up. */
async function pairsOf(options: Options, read: (how: ReadOrder['how']) => Promise<ReadAnswer>) {
  const pairs: Pairs = { sdk: [], hand: [] }
  await read('sdk')
  await read('hand')
  for (let run = 0; run < runsOf(options); run++) {
    const ways: ReadOrder['how'][] = run % 2 === 0 ? ['sdk', 'hand'] : ['hand', 'sdk']
    for (const how of ways) pairs[how].push(await read(how))
    const [sdk, hand] = [pairs.sdk.at(-1)!, pairs.hand.at(-1)!]
    progress(`${sdk.events} events: ${shown(sdk)}; by hand ${shown(hand)}`)
  }
  return pairs
}

const shown = ({ wallMs, cpuMs }: ReadAnswer) => `${ms(wallMs)}, processor ${ms(cpuMs)}`

async function order(reader: ChildProcess, what: ReadOrder): Promise<ReadAnswer> {
  const answered = once(reader, 'message') as Promise<[ReadAnswer]>
  reader.send(what)
  return (await answered)[0]
}

function row(what: string, { sdk, hand }: Pairs, key: 'wallMs' | 'cpuMs'): Row {
  const ratio = ratios(
    sdk.map((answer) => answer[key]),
    hand.map((answer) => answer[key]),
  )
  return {
    what,
    goal: `≤ ${ratioMax} of reading by hand`,
    measured: ms(median(sdk.map((answer) => answer[key]))),
    ratio: ratio.shown,
    met: ratio.value <= ratioMax,
  }
}

const notesOf = ({ events }: Size) => [
  `By hand: \`fetch\`, a reader, \`split\` and \`JSON.parse\`, in the same process and in turn with the SDK (bench/streams/sdk-reader.ts). The history is a turn with two tools over and over, ${events.toLocaleString('en')} events; "from memory" sends its recorded bytes as fast as they are read, so that nothing hides what the client costs. The processor's time is the client's.`,
]
