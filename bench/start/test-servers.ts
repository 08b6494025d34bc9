import { setTimeout as sleep } from 'node:timers/promises'
import {
  scriptedModel,
  startTestServer,
  type TestServer,
} from '../../apps/server/src/testing/index.ts'
import { median, type Options, progress, type Report, seconds } from '../core/figures.ts'

const nextMaxMs = 300
const servers = 15
/** The time of a short test, in which the process of the next server is prepared. */
const testMs = 1_500

/** Time until servers of `outlast/testing` are ready, with a scripted model and an agent. */
export async function testServers({ quick }: Options): Promise<Report> {
  const readyMs: number[] = []
  const restartedMs: number[] = []
  for (let run = 0; run <= (quick ? 5 : servers); run++) {
    const server = await timed(readyMs, start)
    await sleep(testMs)
    await timed(restartedMs, () => crash(server))
    await sleep(testMs)
    await server.stop()
    progress(`server ${run + 1}: ready after ${seconds(readyMs.at(-1)!)}`)
  }
  const [firstMs, ...nextMs] = readyMs
  return report({ firstMs: firstMs!, nextMs, restartedMs })
}

const start = () =>
  startTestServer({
    model: scriptedModel([]),
    agents: [{ name: 'Bench', system_prompt: 'You answer.' }],
  })

async function crash(server: TestServer) {
  await server.kill()
  await server.restart()
}

async function timed<T>(times: number[], work: () => Promise<T>): Promise<T> {
  const begun = performance.now()
  const result = await work()
  times.push(performance.now() - begun)
  return result
}

type Measured = { firstMs: number; nextMs: number[]; restartedMs: number[] }

function report({ firstMs, nextMs, restartedMs }: Measured): Report {
  return {
    title: 'Test servers',
    rows: [
      { what: 'first server of a run, with PostgreSQL', goal: '', measured: seconds(firstMs) },
      {
        what: 'next servers of a run, p50',
        goal: `< ${nextMaxMs} ms`,
        measured: `${seconds(median(nextMs))}, longest ${seconds(Math.max(...nextMs))}`,
        met: median(nextMs) < nextMaxMs,
      },
      { what: 'kill and restart, p50', goal: '', measured: seconds(median(restartedMs)) },
    ],
  }
}
