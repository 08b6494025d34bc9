import { setTimeout as sleep } from 'node:timers/promises'
import { call } from '../core/client.ts'
import { median, type Options, profiled, progress, type Report, runsOf } from '../core/figures.ts'
import { createInspector } from '../core/inspect.ts'
import { agentOn, startModel } from '../core/model.ts'
import { residentMb, type Server, startOutlast, withDataDir } from '../core/servers.ts'

const perTurnMaxKb = 300
const settleMs = 1_500
/** Turns before the measurement, so that the memory of the first ones is not counted. */
const early = 200

/**
 * The messages of a session before the measurement: the number of turns, and the length of each
 * message.
 */
type History = { turns: number; textLength: number }
const none: History = { turns: 0, textLength: 0 }
const long: History = { turns: 5, textLength: 20_000 }
const historyKb = ({ turns, textLength }: History) => (turns * textLength) / 1024

type Memory = { heapMb: number; residentMb: number }
/** KB per turn. */
type Cost = { heapKb: number; residentKb: number }
type Size = { few: number; many: number }

/** Cost of a turn in the middle of a reply, beyond its session's history. */
export async function turnMemory(options: Options): Promise<Report> {
  const size = options.quick ? { few: 20, many: 120 } : { few: 100, many: 600 }
  const costs: { small: Cost; large: Cost }[] = []
  for (let run = 1; run <= Math.min(3, runsOf(options)); run++) {
    const small = await costOf(none, size, options)
    const large = await costOf(long, size, options)
    costs.push({ small, large })
    progress(`run ${run}: ${shown(small)}; with a history ${shown(large)}`)
  }
  return report(size, costs)
}

const shown = ({ heapKb, residentKb }: Cost) =>
  `heap ${heapKb.toFixed(0)} KB, resident ${residentKb.toFixed(0)} KB`

function costOf(history: History, size: Size, options: Options): Promise<Cost> {
  return withDataDir(async (dataDir) => {
    const inspector = await createInspector()
    const gate = createGate()
    const model = await startModel(gate.speak)
    // As many concurrent turns as there are sessions; all other settings are defaults.
    const env = { DATA_DIR: dataDir, WORKER_SLOTS: String(size.many) }
    try {
      // The measured server has no session in its caches.
      const first = await startOutlast({ env })
      const agentId = await agentOn(first.url, model)
      const sessionIds = await createSessions(first.url, agentId, size.many + early)
      await converse(first, sessionIds.slice(early), history).finally(first.stop)
      const nodeArgs = [...inspector.nodeArgs, ...profiled(options)]
      const server = await startOutlast({ env, nodeArgs })
      const memory = async () => {
        await sleep(settleMs)
        const heapMb = await inspector.heapMb()
        await sleep(settleMs)
        return { heapMb, residentMb: residentMb(server.pid) }
      }
      return await measure({ server, gate, memory, sessionIds }, size).finally(server.stop)
    } finally {
      await model.close()
    }
  })
}

type Bench = {
  server: Server
  gate: ReturnType<typeof createGate>
  memory: () => Promise<Memory>
  sessionIds: string[]
}

async function measure(
  { server, gate, memory, sessionIds }: Bench,
  { few, many }: Size,
): Promise<Cost> {
  await converse(server, sessionIds.splice(0, early), { turns: 1, textLength: 10 })
  gate.close()
  await Promise.all(sessionIds.slice(0, few).map((id) => post(server.url, id, 'Go on.')))
  await gate.waiting(few)
  const before = await memory()
  await Promise.all(sessionIds.slice(few).map((id) => post(server.url, id, 'Go on.')))
  await gate.waiting(many)
  const after = await memory()
  gate.open()
  await untilIdle(server.url, sessionIds)
  const each = (key: keyof Memory) => ((after[key] - before[key]) * 1024) / (many - few)
  return { heapKb: each('heapMb'), residentKb: each('residentMb') }
}

/** A model that pauses in the middle of its replies while the gate is closed. */
function createGate() {
  let opened = Promise.withResolvers<void>()
  opened.resolve()
  let inside = 0
  return {
    async speak(say: (text: string) => void) {
      for (let n = 0; n < 20; n++) say('Outlast keeps what was said. ')
      inside += 1
      await opened.promise
      inside -= 1
    },
    close() {
      opened = Promise.withResolvers<void>()
    },
    open: () => opened.resolve(),
    async waiting(count: number) {
      while (inside < count) await sleep(10)
    },
  }
}

async function createSessions(url: string, agent_id: string, count: number): Promise<string[]> {
  const created = Array.from({ length: count }, () =>
    call<{ id: string }>(url, 'POST', '/v1/sessions', { agent_id }),
  )
  return (await Promise.all(created)).map(({ id }) => id)
}

async function converse({ url }: Server, sessionIds: string[], { turns, textLength }: History) {
  for (let n = 0; n < turns; n++) {
    await Promise.all(sessionIds.map((id) => post(url, id, 'word '.repeat(textLength / 5))))
    await untilIdle(url, sessionIds)
  }
}

const post = (url: string, id: string, text: string) =>
  call(url, 'POST', `/v1/sessions/${id}/messages`, {
    message: { content: [{ type: 'text', text }] },
  })

async function untilIdle(url: string, sessionIds: string[]) {
  for (const id of sessionIds) {
    for (;;) {
      const { status } = await call<{ status: string }>(url, 'GET', `/v1/sessions/${id}`)
      if (status === 'idle') break
      await sleep(100)
    }
  }
}

function report({ few, many }: Size, costs: { small: Cost; large: Cost }[]): Report {
  const of = (which: 'small' | 'large', key: keyof Cost) =>
    median(costs.map((cost) => cost[which][key]))
  const row = (what: string, key: keyof Cost) => ({
    what,
    goal: `≤ ${perTurnMaxKb} KB`,
    measured: `${of('small', key).toFixed(0)} KB`,
    met: of('small', key) <= perTurnMaxKb,
  })
  const withHistory = (what: string, key: keyof Cost) => {
    const growth = (of('large', key) - of('small', key)) / historyKb(long)
    const measured = `${of('large', key).toFixed(0)} KB: ${growth.toFixed(1)} times its text more`
    return {
      what: `${what}, with a history of ${historyKb(long).toFixed(0)} KB`,
      goal: '',
      measured,
    }
  }
  return {
    title: `A turn in the middle of a reply: ${many} on one node less ${few}`,
    rows: [
      row('heap of a turn, garbage collected', 'heapKb'),
      row('resident memory of a turn', 'residentKb'),
      withHistory('heap', 'heapKb'),
      withHistory('resident memory', 'residentKb'),
    ],
    notes: [
      'Each turn has a session, a stored message, an open connection to its model and half of a reply, without followers. The server was started on existing sessions.',
    ],
  }
}
