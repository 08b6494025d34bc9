import { setTimeout as sleep } from 'node:timers/promises'
import { call, createAgent, follow, openClient } from '../core/client.ts'
import { type CountedDatabase, withCountedDatabase } from '../core/counting-proxy.ts'
import { queryRows } from '../core/database.ts'
import {
  mb,
  median,
  ms,
  type Options,
  profiled,
  progress,
  type Report,
  type Row,
} from '../core/figures.ts'
import { createInspector, type Inspector } from '../core/inspect.ts'
import { residentMb, type Server, startOutlast } from '../core/servers.ts'

const perTurnMaxBytes = 500
const startMaxMb = 3
const statementsMax = 1
const timesMax = 1.25
const settleMs = 2_000
/** Turns before the measurement, so that the memory of the first ones is not counted. */
const early = 200
const lanes = 32
/** Longest poll interval of an idle server: counts run from one poll to the next. */
const pollMs = 5_000

type Size = { turns: number; samples: number; idleMs: number }

/** The state of a server while this many turns wait. */
type Figures = {
  heapMb: number
  residentMb: number
  statementsPerSecond: number
  textMs: number
  answerMs: number
}

/** A way of waiting: what the model calls, and the request that answers it. */
type Kind = {
  waitsFor: string
  call: { id: string; name: string; arguments: object }
  path: string
  body: object
}

const kinds = {
  client: {
    waitsFor: 'their clients',
    call: { id: 'call_1', name: 'look', arguments: {} },
    path: 'tool-results',
    body: { tool_results: [{ tool_call_id: 'call_1', result: 'blue' }] },
  },
  question: {
    waitsFor: 'answers to questions',
    call: {
      id: 'call_1',
      name: 'ask_user',
      arguments: { questions: [{ question: 'Which?', options: [{ label: 'A' }, { label: 'B' }] }] },
    },
    path: 'question-answers',
    body: { answers: [{ id: 'q1', selected: ['A'] }] },
  },
} satisfies Record<string, Kind>

/**
 * Cost of turns that wait for their client: against none on fresh servers, and while they arrive.
 */
export const parked = (options: Options) => measure(options, kinds.client)

/** The same for turns that wait for a person. */
export const questions = (options: Options) => measure(options, kinds.question)

function measure(options: Options, kind: Kind): Promise<Report> {
  const size: Size = options.quick
    ? { turns: 2_000, samples: 20, idleMs: 2 * pollMs }
    : { turns: 10_000, samples: 200, idleMs: 6 * pollMs }
  return withCountedDatabase(async (database) => {
    const first = await startInspected(database, options, kind)
    const [none, heapBytes] = await first.use(async (bench) => {
      const none = await figuresOf(bench, size)
      return [none, await growth(bench, size.turns)] as const
    })
    const second = await startInspected(database, options, kind)
    const many = await second.use((bench) => figuresOf(bench, size))
    return report(size, kind, { none, many, heapBytes })
  })
}

type Bench = CountedDatabase & {
  server: Server
  inspector: Inspector
  agentId: string
  kind: Kind
}

async function startInspected(database: CountedDatabase, options: Options, kind: Kind) {
  const inspector = await createInspector()
  const nodeArgs = [...inspector.nodeArgs, ...profiled(options)]
  const server = await startOutlast({ env: database.env, nodeArgs })
  return {
    async use<T>(work: (bench: Bench) => Promise<T>): Promise<T> {
      const tools = [{ type: 'client_side', name: 'look', description: 'Looks.' }]
      const capabilities = [{ ref: 'ask_user' }]
      const agentId = await createAgent(server.url, { tools, capabilities })
      return work({ ...database, server, inspector, agentId, kind }).finally(server.stop)
    },
  }
}

async function figuresOf(bench: Bench, { samples, idleMs }: Size): Promise<Figures> {
  const { server, proxy, inspector } = bench
  const textMs = await textTurns(bench, samples)
  const answerMs = await answers(bench, samples)
  await sleep(settleMs)
  proxy.take()
  await sleep(idleMs)
  const statementsPerSecond = proxy.take().total / (idleMs / 1000)
  const heapMb = await inspector.heapMb()
  await sleep(settleMs)
  const figures = {
    heapMb,
    residentMb: residentMb(server.pid),
    statementsPerSecond,
    textMs,
    answerMs,
  }
  progress(JSON.stringify(figures))
  return figures
}

async function textTurns({ server, agentId }: Bench, samples: number): Promise<number> {
  const client = await openClient(server.url, agentId)
  const times: number[] = []
  for (let n = 0; n < samples + early; n++) times.push(await client.turn('Hello'))
  client.close()
  return median(times.slice(early))
}

/** From the request with an answer until the turn has begun its next model call. */
async function answers(
  { server: { url }, agentId, kind }: Bench,
  samples: number,
): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < samples + early; n++) {
    const path = await beginTurn(url, agentId, kind)
    const followed = await follow(`${url}${path}/sse?accumulated=false`, 'event: reason.started\n')
    await untilParked(url, path)
    const send = () => call(url, 'POST', `${path}/${kind.path}`, kind.body)
    times.push(await followed.until(send))
    followed.close()
  }
  return median(times.slice(early))
}

/** Begins a turn that will wait; returns the path of its session. */
async function beginTurn(url: string, agent_id: string, { call: made }: Kind): Promise<string> {
  const script = [{ tool_calls: [made] }, { text: 'Thanks.' }]
  const { id } = await call<{ id: string }>(url, 'POST', '/v1/sessions', { agent_id })
  const text = `llmsim-script: ${JSON.stringify(script)}`
  const message = { content: [{ type: 'text', text }] }
  await call(url, 'POST', `/v1/sessions/${id}/messages`, { message })
  return `/v1/sessions/${id}`
}

async function untilParked(url: string, path: string) {
  for (;;) {
    const { waiting_for } = await call<{ waiting_for: object | null }>(url, 'GET', path)
    if (waiting_for) return
    await sleep(2)
  }
}

/** Heap bytes that a server keeps for each parked turn. */
async function growth(bench: Bench, turns: number): Promise<number> {
  const { inspector } = bench
  const before = await inspector.heapMb()
  await park(bench, turns)
  await sleep(settleMs)
  return (((await inspector.heapMb()) - before) * 1024 * 1024) / turns
}

async function park({ server: { url }, agentId, directUrl, kind }: Bench, turns: number) {
  const begun = performance.now()
  let left = turns
  const lane = async () => {
    while (left-- > 0) await beginTurn(url, agentId, kind)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  const waiting = 'select count(*)::int as n from sessions where waiting_for is not null'
  const count = async () => (await queryRows<{ n: number }>(directUrl, waiting))[0]!.n
  while ((await count()) < turns) await sleep(100)
  progress(
    `${turns} turns parked, ${(turns / ((performance.now() - begun) / 1000)).toFixed(0)} a second`,
  )
}

type Measured = { none: Figures; many: Figures; heapBytes: number }

function report(
  { turns, samples }: Size,
  { waitsFor }: Kind,
  { none, many, heapBytes }: Measured,
): Report {
  const grown = (what: string, key: 'heapMb' | 'residentMb'): Row => ({
    what,
    goal: `≤ ${startMaxMb} MB more`,
    measured: `${mb(many[key])} against ${mb(none[key])}`,
    met: many[key] - none[key] <= startMaxMb,
  })
  const times = (what: string, key: 'textMs' | 'answerMs'): Row => {
    const ratio = many[key] / none[key]
    return {
      what,
      goal: `≤ ${timesMax}`,
      measured: `${ms(many[key])} against ${ms(none[key])}`,
      ratio: ratio.toFixed(2),
      met: ratio <= timesMax,
    }
  }
  const [before, beside] = [none.statementsPerSecond, many.statementsPerSecond]
  return {
    title: `${turns} turns that wait for ${waitsFor}, against none`,
    rows: [
      {
        what: 'heap that the server keeps of a turn which it has parked',
        goal: `≤ ${perTurnMaxBytes} bytes`,
        measured: `${heapBytes.toFixed(0)} bytes`,
        met: heapBytes <= perTurnMaxBytes,
      },
      grown('heap of a server that was started beside them, garbage collected', 'heapMb'),
      grown('its resident memory', 'residentMb'),
      {
        what: 'statements while nothing else happens',
        goal: `≤ ${statementsMax} a second more`,
        measured: `${beside.toFixed(1)} against ${before.toFixed(1)} a second`,
        met: beside - before <= statementsMax,
      },
      times('a text turn', 'textMs'),
      times('from an answer until its turn has begun the next model call', 'answerMs'),
    ],
    notes: [
      `Times are medians of ${samples}. Both servers had as many turns before the measurement.`,
    ],
  }
}
