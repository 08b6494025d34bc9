import path from 'node:path'
import { createAgent, openClient } from '../core/client.ts'
import {
  median,
  ms,
  type Options,
  progress,
  type Report,
  type Row,
  ratios,
} from '../core/figures.ts'
import { type Server, startBare, startNode, startOutlast, withDataDir } from '../core/servers.ts'

const parseMax = 1.05
const hookMsMax = 0.2
const absentMax = 1.05
const callsPerTurn = 20

/** Runs a turn with 20 calls of a tool; returns the time of one call with its reply, in ms. */
type Runner = () => Promise<number>

/** Cost of a tool's own parser and of a hook, against calls of a built-in tool. */
export async function hooks(options: Options): Promise<Report> {
  const rows = await withDataDir((dataDir) =>
    withDataDir(async (hookedDir) => {
      const plain = await startBare('start/project-node.ts', { env: { DATA_DIR: dataDir } })
      const env = { DATA_DIR: hookedDir, HOOK: 'true' }
      const hooked = await startBare('start/project-node.ts', { env })
      try {
        return await compare(options, {
          plain: await runnerOf(plain, 'own', 'plain'),
          parsed: await runnerOf(plain, 'own', 'parsed'),
          hooked: await runnerOf(hooked, 'own', 'plain'),
        })
      } finally {
        await hooked.stop()
        await plain.stop()
      }
    }),
  )
  const against = options.against ? [await comparedWith(options.against, options)] : []
  const notes = [
    `A call is the model's reply, the call and its outcome, in turns of ${callsPerTurn} calls, one client. The hook allows every call.`,
  ]
  return { title: 'Tools of a project and hooks', rows: [...rows, ...against], notes }
}

async function runnerOf(server: Server, ref: string, tool: string): Promise<Runner> {
  const agentId = await createAgent(server.url, { capabilities: [{ ref }] })
  const replies = Array.from({ length: callsPerTurn }, (_, a) => ({
    tool_calls: [{ name: tool, arguments: { a, b: 1 } }],
  }))
  const text = `llmsim-script: ${JSON.stringify([...replies, { text: 'done' }])}`
  return async () => {
    const client = await openClient(server.url, agentId)
    const turnMs = await client.turn(text)
    client.close()
    return turnMs / callsPerTurn
  }
}

/** Runs all runners by turns: other load on the machine affects each of them. */
async function measure<Name extends string>(
  runners: Record<Name, Runner>,
  { quick }: Options,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(runners) as Name[]
  const times = Object.fromEntries(names.map((name) => [name, []])) as never as Record<
    Name,
    number[]
  >
  const [warm, rounds] = quick ? [2, 5] : [30, 150]
  for (let round = -warm; round < rounds; round++) {
    for (const name of round % 2 ? names : names.toReversed()) {
      const callMs = await runners[name]()
      if (round >= 0) times[name].push(callMs)
    }
  }
  return times
}

async function compare(
  options: Options,
  runners: Record<'plain' | 'parsed' | 'hooked', Runner>,
): Promise<Row[]> {
  const { plain, parsed, hooked } = await measure(runners, options)
  const parse = ratios(parsed, plain)
  const moreMs = median(hooked.map((callMs, round) => callMs - plain[round]!))
  progress(`plain ${ms(median(plain))}, parsed ${parse.shown}, hook ${moreMs.toFixed(3)} ms more`)
  return [
    {
      what: 'a call of a tool with its own parsers, against a built-in one',
      goal: `≤ ${parseMax}`,
      measured: `${median(parsed).toFixed(2)} against ${median(plain).toFixed(2)} ms`,
      ratio: parse.value.toFixed(2),
      met: parse.value <= parseMax,
    },
    {
      what: 'a call with a hook, against one without',
      goal: `≤ ${hookMsMax} ms more`,
      measured: `${moreMs.toFixed(2)} ms more`,
      ratio: ratios(hooked, plain).value.toFixed(2),
      met: moreMs <= hookMsMax,
    },
  ]
}

/** Calls without a hook, in this checkout and in another one. */
async function comparedWith(folder: string, options: Options): Promise<Row> {
  const other = path.join(path.resolve(folder), 'apps/server/start.js')
  return withDataDir((dataDir) =>
    withDataDir(async (otherDir) => {
      const ours = await startOutlast({ env: { DATA_DIR: dataDir } })
      const theirs = await startNode(other, { env: { DATA_DIR: otherDir } })
      try {
        const { own, old } = await measure(
          {
            own: await runnerOf(ours, 'test_math', 'add'),
            old: await runnerOf(theirs, 'test_math', 'add'),
          },
          options,
        )
        const { value } = ratios(own, old)
        return {
          what: 'a call without a hook, against the other checkout',
          goal: `≤ ${absentMax}`,
          measured: `${median(own).toFixed(2)} against ${median(old).toFixed(2)} ms`,
          ratio: value.toFixed(2),
          met: value <= absentMax,
        }
      } finally {
        await theirs.stop()
        await ours.stop()
      }
    }),
  )
}
