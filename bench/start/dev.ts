import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  median,
  type Options,
  percentile,
  progress,
  type Report,
  seconds,
} from '../core/figures.ts'
import { freePort, startServer, withDataDir } from '../core/servers.ts'

const goalMs = 1_000
const tools = 10
const pauseMs = 3_000
const program = fileURLToPath(new URL('../../apps/server/outlast.js', import.meta.url))

const toolText = (description: string) => `import { defineTool, Type } from 'outlast'

export default defineTool({
  description: '${description}',
  replay: 'safe',
  input: Type.Object({ text: Type.String() }),
  run: ({ text }) => text,
})
`

/** Time from a save under `outlast dev` until a request is answered by the new code. */
export async function dev({ quick }: Options): Promise<Report> {
  const saves = quick ? 5 : 30
  const times = await withDataDir(async (folder) => {
    mkdirSync(path.join(folder, 'tools'))
    const save = (n: number, description: string) =>
      writeFileSync(path.join(folder, `tools/tool_${n}.ts`), toolText(description))
    for (let n = 0; n < tools; n++) save(n, 'First.')
    const port = await freePort()
    const server = await startServer({
      command: [process.execPath, program, 'dev'],
      env: { PATH: process.env.PATH!, DATA_DIR: path.join(folder, 'data'), PORT: String(port) },
      port,
      cwd: folder,
    })
    try {
      const all: number[] = []
      for (let n = 0; n < saves; n++) {
        save(n % tools, `Save ${n}.`)
        const begun = performance.now()
        while (!(await textOf(server.url)).includes(`Save ${n}.`)) await sleep(5)
        all.push(performance.now() - begun)
        progress(`save ${n}: ${seconds(all.at(-1)!)}`)
        // A person does not save again at once.
        await sleep(pauseMs)
      }
      return all
    } finally {
      await server.stop()
    }
  })
  return {
    title: 'outlast dev',
    rows: [
      {
        what: 'from a save until the new code answers, p50',
        goal: `≤ ${seconds(goalMs)}`,
        measured: seconds(median(times)),
        met: median(times) <= goalMs,
      },
      { what: 'the same, p95', goal: '', measured: seconds(percentile(times, 0.95)) },
    ],
  }
}

/** While a server is replaced, a connection may break. */
const textOf = (url: string) =>
  fetch(`${url}/v1/capabilities`).then(
    (response) => response.text(),
    () => '',
  )
