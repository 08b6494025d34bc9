/** The start of a server with a project of many capabilities, compared with one without. */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { median, ms, type Options, progress, type Report, ratios, runsOf } from '../core/figures.ts'
import { startOutlast, withDataDir } from '../core/servers.ts'

const capabilities = 50
const addedMaxMs = 150
/** Starts are short and vary: each run has several pairs. */
const pairsOfRun = 4

const capability = (index: number) => `
import { defineCapability, defineTool, Type } from 'outlast'

const input = Type.Object({ text: Type.String({ maxLength: 1_000 }), times: Type.Integer({ minimum: 1 }) })

const repeat = defineTool({
  name: 'repeat_${index}',
  description: 'Repeats a text.',
  replay: 'safe',
  input,
  run: ({ text, times }: { text: string; times: number }) => text.repeat(times),
})

export default defineCapability({
  config: Type.Object({ upper: Type.Optional(Type.Boolean()) }),
  prompt: ({ upper = false }: { upper?: boolean }) => (upper ? 'REPEAT TEXTS.' : 'Repeat texts.'),
  tools: [repeat],
})
`

/** Measures the time to the first 200 of the health check, in turn. */
export async function projectStart(options: Options): Promise<Report> {
  return withDataDir((plain) =>
    withDataDir(async (own) => {
      const project = path.join(own, 'project')
      writeProject(project)
      const without = () => readyMs(plain, plain)
      const withCode = () => readyMs(path.join(own, 'data'), project)
      const times = { own: [] as number[], plain: [] as number[] }
      const pairs = runsOf(options) * pairsOfRun
      for (let pair = 0; pair <= pairs; pair++) {
        const [one, other] =
          pair % 2 === 0 ? [await withCode(), await without()] : [await without(), await withCode()]
        progress(`pair ${pair}: ${one.toFixed(0)} and ${other.toFixed(0)} ms`)
        // The first start makes the data and the compile cache.
        if (pair === 0) continue
        times.own.push(pair % 2 === 0 ? one : other)
        times.plain.push(pair % 2 === 0 ? other : one)
      }
      return report(times)
    }),
  )
}

function writeProject(folder: string) {
  mkdirSync(path.join(folder, 'capabilities'), { recursive: true })
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }')
  for (let index = 0; index < capabilities; index++) {
    writeFileSync(path.join(folder, `capabilities/repeat_${index}.ts`), capability(index))
  }
}

async function readyMs(dataDir: string, cwd: string): Promise<number> {
  const server = await startOutlast({ env: { DATA_DIR: dataDir }, cwd })
  await server.stop()
  return server.readyMs
}

function report({ own, plain }: Record<'own' | 'plain', number[]>): Report {
  const added = median(own) - median(plain)
  return {
    title: 'Start with a project',
    rows: [
      {
        what: `start with ${capabilities} capabilities, more than without a project`,
        goal: `≤ ${addedMaxMs} ms`,
        measured: `${ms(added)} (${ms(median(own))} against ${ms(median(plain))})`,
        ratio: ratios(own, plain).shown,
        met: added <= addedMaxMs,
      },
    ],
  }
}
