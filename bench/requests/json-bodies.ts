import { assistant, openClient } from '../core/client.ts'
import {
  median,
  ms,
  type Options,
  profiled,
  progress,
  type Report,
  runsOf,
} from '../core/figures.ts'
import { createInspector, type Inspector, longestDelay, longestTask } from '../core/inspect.ts'
import { startOutlast, withDataDir } from '../core/servers.ts'

const blockedMaxMs = 50
const sizeBytes = 8 * 1024 * 1024 - 1024

/** Bodies of 8 MiB, by their content. */
const bodies: Record<string, () => string> = {
  'empty parts': () => `{"message":{"content":[${'{},'.repeat(sizeBytes / 3)}{}]}}`,
  'one text': () => messageOf('x'.repeat(sizeBytes)),
  'one text of escapes': () => messageOf('\\n'.repeat(sizeBytes / 2)),
  'one text of quotes': () => messageOf('\\"'.repeat(sizeBytes / 2)),
  metadata: () => messageOf('Hi', `,"metadata":{"a":[${'0,'.repeat(sizeBytes / 2 - 64)}0]}`),
  spaces: () => messageOf('Hi', ' '.repeat(sizeBytes)),
}

const messageOf = (text: string, more = '') =>
  `{"message":{"content":[{"type":"text","text":"${text}"}]}${more}}`

/** A body is parsed and validated before its session is looked up: no turn adds to the figures. */
const noSession = `session_${'0'.repeat(32)}`

/** The loop's delay from a message of 8 MiB until it is validated, and from a turn with one. */
export function jsonBodies(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const inspector = await createInspector()
    const nodeArgs = [...inspector.nodeArgs, ...profiled(options)]
    const server = await startOutlast({ env: { DATA_DIR: dataDir }, nodeArgs })
    const measured = { inspector, runs: runsOf(options) }
    try {
      const url = `${server.url}/v1/sessions/${noSession}/messages`
      const rows: Report['rows'] = []
      for (const [name, body] of Object.entries(bodies)) {
        const { delayMs, shown } = await measure(measured, () => post(url, body()))
        progress(`${name}: ${shown}`)
        rows.push({
          what: `longest delay of the loop: 8 MiB of ${name}`,
          goal: `≤ ${blockedMaxMs} ms`,
          measured: shown,
          met: delayMs <= blockedMaxMs,
        })
      }
      const { shown } = await measure(measured, () => turnOfQuotes(server.url))
      const what = 'longest delay of the loop: a turn with 8 MiB of quotes, and its stream'
      rows.push({ what, goal: '', measured: shown })
      const note =
        'Of processor time: the longest task of the loop, independent of other load on the machine.'
      return { title: 'Large bodies of JSON', rows, notes: [note] }
    } finally {
      await server.stop()
    }
  })
}

type Measured = { inspector: Inspector; runs: number }

async function measure({ inspector, runs }: Measured, work: () => Promise<void>) {
  const [delays, tasks]: [number[], number[]] = [[], []]
  for (let run = 0; run < runs; run++) {
    delays.push(await longestDelay(inspector, work))
    tasks.push(await longestTask(inspector, work))
  }
  const delayMs = median(delays)
  return { delayMs, shown: `${ms(delayMs)} (${ms(median(tasks))} of processor time)` }
}

/** Each quote takes two bytes of JSON. */
async function turnOfQuotes(url: string): Promise<void> {
  const client = await openClient(url, assistant)
  await client.turn('"'.repeat(sizeBytes / 2 - 1024))
  client.close()
}

async function post(url: string, body: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body })
  await response.text()
}
