import { createAgent, openClient } from '../core/client.ts'
import { mb, type Options, progress, type Report, seconds } from '../core/figures.ts'
import { residentMb, startOutlast, withDataDir } from '../core/servers.ts'

const message = 'x'.repeat(7 * 1024 * 1024)
/** Twice the messages may take twice the time, and no more memory. */
const timeRatioMax = 2.5
const memoryRatioMax = 1.3

type Size = { messages: number; readMs: number; bytes: number; residentMb: number }

/** Sessions of messages that PostgreSQL compresses to almost nothing, one twice as long. */
export function longSessions({ quick }: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const { url, pid, stop } = await startOutlast({ env: { DATA_DIR: dataDir } })
    try {
      const client = await openClient(url, await createAgent(url))
      const sizes: Size[] = []
      let messages = 0
      for (const size of quick ? [4, 8] : [25, 50]) {
        for (; messages < size; messages++) await client.turn(message)
        const resident = residentMb(pid)
        const begun = performance.now()
        const bytes = await readLength(`${url}/v1/sessions/${client.sessionId}/events`)
        const read = { messages, readMs: performance.now() - begun, bytes, residentMb: resident }
        progress(`${messages} messages: ${mb(resident)}, ${seconds(read.readMs)} for the log`)
        sizes.push(read)
      }
      return report(sizes as [Size, Size])
    } finally {
      await stop()
    }
  })
}

async function readLength(url: string): Promise<number> {
  let bytes = 0
  const { body } = await fetch(url)
  for await (const chunk of body!) bytes += chunk.length
  return bytes
}

function report([short, long]: [Size, Size]): Report {
  const time = long.readMs / short.readMs
  const memory = long.residentMb / short.residentMb
  const log = `log of ${long.messages} messages, ${mb(long.bytes / 1024 / 1024)}`
  return {
    title: `A session of messages of 7 MiB: ${long.messages} against ${short.messages}`,
    rows: [
      {
        what: `time of GET …/events, ${log}`,
        goal: `≤ ${timeRatioMax}`,
        measured: `${seconds(long.readMs)} against ${seconds(short.readMs)}`,
        ratio: time.toFixed(2),
        met: time <= timeRatioMax,
      },
      {
        what: 'resident memory after the last turn',
        goal: `≤ ${memoryRatioMax}`,
        measured: `${mb(long.residentMb)} against ${mb(short.residentMb)}`,
        ratio: memory.toFixed(2),
        met: memory <= memoryRatioMax,
      },
    ],
  }
}
