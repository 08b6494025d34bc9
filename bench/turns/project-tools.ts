import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { call, openClient } from '../core/client.ts'
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
import { residentMb, type Server, startOutlast, withDataDir } from '../core/servers.ts'

const ratioMax = 1.05
const clientCounts = [1, 8]

const builtIn = new URL('../../apps/server/src/capabilities/current-time.ts', import.meta.url)

/** The same code as the built-in tool, as a tool of a project. */
const project = {
  'package.json': '{ "type": "module" }',
  'outlast.config.ts': "import { defineConfig } from 'outlast'\nexport default defineConfig({})\n",
  'tools/get_project_time.ts': `
    import { defineTool } from 'outlast'
    import { currentTime } from ${JSON.stringify(builtIn.href)}
    const [{ description, input, run }] = currentTime.tools({})
    export default defineTool({ description, input, replay: 'safe', run })
  `,
  'tools/leave.ts': `
    import { defineTool } from 'outlast'
    export default defineTool({ description: 'x', replay: 'unsafe', run: () => process.exit(0) })
  `,
}

/** Turns with one call of a built-in tool, against the same tool in a file of a project. */
export async function projectTools(options: Options): Promise<Report> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'outlast-bench-'))
  mkdirSync(path.join(folder, 'tools'))
  for (const [name, text] of Object.entries(project)) writeFileSync(path.join(folder, name), text)
  const args = ['--config', path.join(folder, 'outlast.config.ts')]
  try {
    const plainMb = await idleMb([])
    const idleProjectMb = await idleMb(args)
    const rows = await withDataDir(async (dataDir) => {
      const server = await startOutlast({ env: { DATA_DIR: dataDir }, args })
      try {
        return await measure(server, options)
      } finally {
        await server.stop()
      }
    })
    const memory = {
      what: 'resident memory of an idle node, with a project against without',
      goal: '',
      measured: `${mb(idleProjectMb)}; ${mb(plainMb)}`,
    }
    return { title: 'Tools of a project', rows: [...rows, memory] }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const settleMs = 3_000

function idleMb(args: string[]): Promise<number> {
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({ env: { DATA_DIR: dataDir }, args })
    await sleep(settleMs)
    const resident = residentMb(server.pid)
    await server.stop()
    return resident
  })
}

const sleep = (forMs: number) => new Promise((resolve) => setTimeout(resolve, forMs))

async function measure(server: Server, options: Options) {
  const own = await openTurns(server, 'tools', 'get_project_time')
  const builtIn = await openTurns(server, 'current_time', 'get_current_time')
  const turns = options.quick ? 50 : 500
  for (const one of [own, builtIn]) await one.run(8, turns)
  const rows = []
  for (const clients of clientCounts) {
    const times: Record<'own' | 'builtIn', number[]> = { own: [], builtIn: [] }
    for (let run = 0; run < runsOf(options); run += 1) {
      const order = run % 2 === 0 ? (['own', 'builtIn'] as const) : (['builtIn', 'own'] as const)
      // Short blocks by turns: the machine changes more between runs than the tools differ.
      const blocks: typeof times = { own: [], builtIn: [] }
      for (let block = 0; block < 10; block += 1) {
        for (const who of order) {
          const one = who === 'own' ? own : builtIn
          blocks[who].push(...(await one.run(clients, turns / 10)))
        }
      }
      for (const who of order) times[who].push(median(blocks[who]))
      progress(`${clients} clients: ${ms(times.own.at(-1)!)}, ${ms(times.builtIn.at(-1)!)}`)
    }
    const { value, shown } = ratios(times.own, times.builtIn)
    rows.push({
      what: `a turn with one call against a built-in tool, p50, ${clients} clients`,
      goal: `≤ ${ratioMax}`,
      measured: `${ms(median(times.own))}; ${ms(median(times.builtIn))}`,
      ratio: shown,
      met: value <= ratioMax,
    })
  }
  const starts = []
  for (let run = 0; run < runsOf(options); run += 1) starts.push(await own.afterStart())
  const what = 'the first call in a new thread, which loads the project'
  return [...rows, { what, goal: '', measured: ms(median(starts)) }]
}

/** Clients whose model calls one tool in each turn. */
async function openTurns({ url }: Server, ref: string, tool: string) {
  const agent = { name: ref, system_prompt: 'You are Ada.', capabilities: [{ ref }] }
  const { id } = await call<{ id: string }>(url, 'POST', '/v1/agents', agent)
  const script = (name: string) =>
    `llmsim-script: ${JSON.stringify([{ tool_calls: [{ name, arguments: {} }] }, { text: 'done' }])}`
  return {
    /** Runs turns in new sessions; returns their times in ms. */
    async run(clients: number, turns: number): Promise<number[]> {
      const all = await Promise.all(Array.from({ length: clients }, () => openClient(url, id)))
      const times = await Promise.all(
        all.map(async (client) => {
          const own: number[] = []
          for (let n = 0; n < turns / clients; n += 1) own.push(await client.turn(script(tool)))
          client.close()
          return own
        }),
      )
      return times.flat()
    },
    /** Ends the thread by a tool; returns the time of the next call in ms. */
    async afterStart(): Promise<number> {
      const client = await openClient(url, id)
      await client.turn(script('leave'))
      await sleep(settleMs)
      await client.turn(script(tool))
      client.close()
      const events = `/v1/sessions/${client.sessionId}/events?types=tool.completed`
      const { data } = await call<{ data: { data: { duration_ms: number } }[] }>(url, 'GET', events)
      return data.at(-1)!.data.duration_ms
    },
  }
}
