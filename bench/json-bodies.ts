import { median, ms, type Options, profiled, progress, type Report, runsOf } from './figures.ts'
import { createInspector, longestDelay } from './inspect.ts'
import { startOutlast, withDataDir } from './servers.ts'

const blockedMaxMs = 50
const sizeBytes = 8 * 1024 * 1024 - 1024

/** Bodies of 8 MiB, by what fills them. */
const bodies: Record<string, () => string> = {
  'empty parts': () => `{"message":{"content":[${'{},'.repeat(sizeBytes / 3)}{}]}}`,
  'one text': () => messageOf('x'.repeat(sizeBytes)),
  'one text of escapes': () => messageOf('\\n'.repeat(sizeBytes / 2)),
  metadata: () => messageOf('Hi', `,"metadata":{"a":[${'0,'.repeat(sizeBytes / 2 - 64)}0]}`),
  spaces: () => messageOf('Hi', ' '.repeat(sizeBytes)),
}

const messageOf = (text: string, more = '') =>
  `{"message":{"content":[{"type":"text","text":"${text}"}]}${more}}`

/** A body is parsed and validated before its session is looked for: no turn adds to the figures. */
const noSession = `session_${'0'.repeat(32)}`

/** What the server's loop feels of one message of 8 MiB until it is validated. */
export function jsonBodies(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const inspector = await createInspector()
    const nodeArgs = [...inspector.nodeArgs, ...profiled(options)]
    const server = await startOutlast({ env: { DATA_DIR: dataDir }, nodeArgs })
    try {
      const url = `${server.url}/v1/sessions/${noSession}/messages`
      const rows: Report['rows'] = []
      for (const [name, body] of Object.entries(bodies)) {
        const delays: number[] = []
        for (let run = 0; run < runsOf(options); run++) {
          delays.push(await longestDelay(inspector, () => post(url, body())))
        }
        progress(`${name}: longest delay ${ms(median(delays))}`)
        rows.push({
          what: `longest delay of the loop: 8 MiB of ${name}`,
          goal: `≤ ${blockedMaxMs} ms`,
          measured: ms(median(delays)),
          met: median(delays) <= blockedMaxMs,
        })
      }
      return { title: 'Large bodies of JSON', rows }
    } finally {
      await server.stop()
    }
  })
}

async function post(url: string, body: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body })
  await response.text()
}
