import { call, openClient } from '../core/client.ts'
import {
  median,
  ms,
  type Options,
  percentile,
  profiled,
  progress,
  type Report,
  runsOf,
} from '../core/figures.ts'
import { createInspector, longestDelay } from '../core/inspect.ts'
import { startOutlast, withDataDir } from '../core/servers.ts'

const echoMaxMs = 20
const blockedMaxMs = 20

/** Keeps a processor busy until its timeout. */
const endless = { command: "sed ':a;s/x/xx/g;ba' <<< x", timeout_ms: 4_000 }

/** Calls of `bash` in turns: their time, and the loop's delay beside an endless one. */
export function bash(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const inspector = await createInspector()
    const nodeArgs = [...inspector.nodeArgs, ...profiled(options)]
    const server = await startOutlast({ env: { DATA_DIR: dataDir }, nodeArgs })
    try {
      const agentId = await createShellAgent(server.url)
      const echo = await timeEcho(server.url, agentId, options.quick ? 30 : 300)
      const busy = await openShell(server.url, agentId)
      const delays: Delays = { idle: [], busy: [] }
      for (let run = 0; run < runsOf(options); run++) {
        delays.idle.push(await longestDelay(inspector, () => sleep(endless.timeout_ms)))
        delays.busy.push(await longestDelay(inspector, () => busy.run(endless)))
        progress(`longest delay ${ms(delays.busy.at(-1)!)}, idle ${ms(delays.idle.at(-1)!)}`)
      }
      busy.close()
      return report(echo, delays)
    } finally {
      await server.stop()
    }
  })
}

const sleep = (forMs: number) => new Promise((resolve) => setTimeout(resolve, forMs))

async function createShellAgent(url: string): Promise<string> {
  const agent = {
    name: 'Ada',
    system_prompt: 'You are Ada.',
    capabilities: [{ ref: 'virtual_bash' }],
  }
  return (await call<{ id: string }>(url, 'POST', '/v1/agents', agent)).id
}

type Completed = { data: { duration_ms: number } }

/** Opens a session whose model calls the tool with a given input. */
async function openShell(url: string, agentId: string) {
  const client = await openClient(url, agentId)
  return {
    close: client.close,
    /** Returns the time of the call and of the whole turn, in ms. */
    async run(input: object) {
      const script = [{ tool_calls: [{ name: 'bash', arguments: input }] }, { text: 'done' }]
      const turnMs = await client.turn(`llmsim-script: ${JSON.stringify(script)}`)
      const path = `/v1/sessions/${client.sessionId}/events?types=tool.completed`
      const { data } = await call<{ data: Completed[] }>(url, 'GET', path)
      return { toolMs: data.at(-1)!.data.duration_ms, turnMs }
    },
  }
}

type Echo = { coldMs: number; nextMs: number; warm: number[]; turns: number[] }

async function timeEcho(url: string, agentId: string, runs: number): Promise<Echo> {
  const first = await openShell(url, agentId)
  const coldMs = (await first.run({ command: 'echo cold' })).toolMs
  for (let n = 0; n < 10; n++) await first.run({ command: `echo ${n}` })
  first.close()
  await sleep(1_000)
  const session = await openShell(url, agentId)
  const nextMs = (await session.run({ command: 'echo next' })).toolMs
  const warm: number[] = []
  const turns: number[] = []
  for (let n = 0; n < runs; n++) {
    const { toolMs, turnMs } = await session.run({ command: `echo ${n}` })
    warm.push(toolMs)
    turns.push(turnMs)
  }
  session.close()
  progress(`echo: cold ${ms(coldMs)}, another session ${ms(nextMs)}, warm ${ms(median(warm))}`)
  return { coldMs, nextMs, warm, turns }
}

type Delays = { idle: number[]; busy: number[] }

function report({ coldMs, nextMs, warm, turns }: Echo, { idle, busy }: Delays): Report {
  return {
    title: 'The tool bash',
    rows: [
      {
        what: 'echo, warm, p50',
        goal: `≤ ${echoMaxMs} ms`,
        measured: ms(median(warm)),
        met: median(warm) <= echoMaxMs,
      },
      { what: 'echo, warm, p99', goal: '', measured: ms(percentile(warm, 0.99)) },
      { what: 'the whole turn around it, p50', goal: '', measured: ms(median(turns)) },
      { what: 'the first call on a node', goal: '', measured: ms(coldMs) },
      { what: 'the first call of another session', goal: '', measured: ms(nextMs) },
      {
        what: 'longest delay of the loop during an endless loop in bash',
        goal: `≤ ${blockedMaxMs} ms`,
        measured: `${ms(median(busy))}; ${ms(median(idle))} idle`,
        met: median(busy) <= blockedMaxMs,
      },
    ],
  }
}
