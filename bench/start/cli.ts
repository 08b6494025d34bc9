import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createAgent } from '../core/client.ts'
import {
  median,
  ms,
  type Options,
  percentile,
  progress,
  type Report,
  type Row,
} from '../core/figures.ts'
import { startOutlast, withDataDir } from '../core/servers.ts'

const helpMaxMs = 150
const listMaxMs = 300
const sessions = 20
const program = fileURLToPath(new URL('../../dist/outlast/apps/server/outlast.js', import.meta.url))

/** The Node that npm runs on, which may be older than the one in the package. */
const nodes = [...new Set([process.env.npm_node_execpath ?? process.execPath, process.execPath])]

/** Time of the built package's command line from start to end, beside an idle Node. */
export async function cli({ quick }: Options): Promise<Report> {
  build()
  const runs = quick ? 5 : 25
  const rows = await withDataDir(async (dataDir) => {
    const server = await startOutlast({ env: { DATA_DIR: path.join(dataDir, 'data') } })
    try {
      await fill(server.url)
      const serverMs = await answerMs(server.url, runs)
      return nodes.flatMap((node) => measure(node, { url: server.url, serverMs, runs }))
    } finally {
      await server.stop()
    }
  })
  return { title: 'The command line', rows }
}

function build() {
  const script = fileURLToPath(new URL('../../scripts/build.ts', import.meta.url))
  const args = ['--disable-warning=ExperimentalWarning', script]
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) throw new Error('The package cannot be built.')
}

async function fill(url: string) {
  const agent_id = await createAgent(url)
  for (let n = 1; n <= sessions; n++) {
    await fetch(`${url}/v1/sessions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ agent_id, title: `Session ${n}` }),
    })
  }
}

/** Measures how long the server takes for the command's request. */
async function answerMs(url: string, runs: number): Promise<number> {
  const times: number[] = []
  for (let run = 0; run < runs; run++) {
    const begun = performance.now()
    await (await fetch(`${url}/v1/sessions?limit=${sessions}`)).text()
    times.push(performance.now() - begun)
  }
  return median(times)
}

type Measured = { url: string; serverMs: number; runs: number }

function measure(node: string, { url, serverMs, runs }: Measured): Row[] {
  const times = { nothing: [] as number[], help: [] as number[], list: [] as number[] }
  // In turn, so that a machine that slows down affects all three.
  for (let run = 0; run < runs; run++) {
    times.nothing.push(lastingMs(node, ['-e', '0']))
    times.help.push(lastingMs(node, [program, '--help']))
    times.list.push(lastingMs(node, [program, 'sessions', 'list', '--url', url]))
  }
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
  const bare = median(times.nothing)
  progress(`${version}: nothing ${ms(bare)}, server ${ms(serverMs)}`)
  const row = (
    what: string,
    values: number[],
    { maxMs, lessMs }: { maxMs: number; lessMs: number },
  ): Row => {
    const value = median(values) - lessMs
    return {
      what: `${what}, Node ${version}`,
      goal: `≤ ${maxMs} ms`,
      measured: `${ms(value)}; p90 ${ms(percentile(values, 0.9) - lessMs)}`,
      ratio: `${(value / bare).toFixed(2)} of \`node -e 0\`, ${ms(bare)}`,
      met: value <= maxMs,
    }
  }
  return [
    row('`outlast --help`', times.help, { maxMs: helpMaxMs, lessMs: 0 }),
    row('`outlast sessions list`, less the server', times.list, {
      maxMs: listMaxMs,
      lessMs: serverMs,
    }),
  ]
}

/** Returns the time from the start of a process to its end. Contract: throws when it fails. */
function lastingMs(node: string, args: string[]): number {
  const begun = performance.now()
  const { status, stderr } = spawnSync(node, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const tookMs = performance.now() - begun
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`)
  return tookMs
}
