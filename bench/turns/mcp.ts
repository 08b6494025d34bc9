import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { startEverything } from '../../apps/server/test/remotes/mcp.ts'
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
import { startOutlast, withDataDir } from '../core/servers.ts'

const goalMs = 5
const name = 'mcp_everything__echo'
const input = { message: 'hello' }

/** Calls of a tool of the reference MCP server: through a turn, and by the SDK alone. */
export function mcp(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const stops: (() => unknown)[] = []
    const everything = await startEverything({ after: (stop: () => unknown) => stops.push(stop) })
    const server = await startOutlast({
      env: { DATA_DIR: dataDir, PRIVATE_HOSTS_ALLOWED: '127.0.0.1' },
      nodeArgs: profiled(options),
    })
    try {
      const bare = await openBare(everything.url)
      const ours = await openOurs(server.url, everything.url)
      const first = await ours.run()
      const times: Times = { bare: [], ours: [], turns: [] }
      for (let warm = 0; warm < 30; warm++) await round({ bare: [], ours: [], turns: [] })
      const calls = runsOf(options) * 60
      for (let n = 0; n < calls; n++) await round(times)
      ours.close()
      await bare.close()
      progress(`bare ${ms(median(times.bare))}, ours ${ms(mean(times.ours))}`)
      return report(first.toolMs, times)

      async function round(into: Times) {
        into.bare.push(await bare.run())
        const { toolMs, turnMs } = await ours.run()
        into.ours.push(toolMs)
        into.turns.push(turnMs)
      }
    } finally {
      await server.stop()
      for (const stop of stops) await stop()
    }
  })
}

async function openBare(url: string) {
  const client = new Client({ name: 'bench', version: '1.0.0' })
  await client.connect(new StreamableHTTPClientTransport(new URL(url)))
  return {
    close: () => client.close(),
    async run() {
      const begun = performance.now()
      await client.callTool({ name: 'echo', arguments: input })
      return performance.now() - begun
    },
  }
}

type Completed = { data: { duration_ms: number; success: boolean } }

/** Opens a session whose model calls the tool with a given input. */
async function openOurs(url: string, mcpUrl: string) {
  const server = { name: 'everything', url: mcpUrl }
  const { id } = await call<{ id: string }>(url, 'POST', '/v1/mcp-servers', server)
  const digits = id.slice('mcp_'.length)
  const ref = `mcp:${digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`
  const agent = { name: 'Ada', system_prompt: 'You are Ada.', capabilities: [{ ref }] }
  const { id: agentId } = await call<{ id: string }>(url, 'POST', '/v1/agents', agent)
  const client = await openClient(url, agentId)
  return {
    close: client.close,
    /** Returns the time of the call and of the whole turn, in ms. */
    async run() {
      const script = [{ tool_calls: [{ name, arguments: input }] }, { text: 'done' }]
      const turnMs = await client.turn(`llmsim-script: ${JSON.stringify(script)}`)
      const path = `/v1/sessions/${client.sessionId}/events?types=tool.completed`
      const { data } = await call<{ data: Completed[] }>(url, 'GET', path)
      const last = data.at(-1)!.data
      if (!last.success) throw new Error('The call failed.')
      return { toolMs: last.duration_ms, turnMs }
    },
  }
}

type Times = { bare: number[]; ours: number[]; turns: number[] }

/** Durations in the log are whole milliseconds: their mean is more exact than their median. */
const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length

function report(firstMs: number, { bare, ours, turns }: Times): Report {
  const more = mean(ours) - mean(bare)
  return {
    title: 'A tool call over MCP',
    rows: [
      {
        what: 'a call in a turn, over that of the SDK alone, mean',
        goal: `at most ${goalMs} ms more`,
        measured: `${ms(more)} more`,
        ratio: `${ms(mean(ours))} against ${ms(mean(bare))}`,
        met: more <= goalMs,
      },
      { what: 'a call in a turn, p99', goal: '', measured: ms(percentile(ours, 0.99)) },
      { what: 'a call of the SDK alone, p99', goal: '', measured: ms(percentile(bare, 0.99)) },
      { what: 'the whole turn around it, p50', goal: '', measured: ms(median(turns)) },
      { what: 'the first call, which begins a session', goal: '', measured: ms(firstMs) },
    ],
    notes: [
      'Both call `echo` of the reference server in a process of its own, one after the other.',
    ],
  }
}
