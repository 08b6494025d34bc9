/**
 * Reads streams in a child process of `sdk-stream.ts`: with the SDK, or with a hand-written parser
 * of the format. Reports the elapsed and the processor time.
 */
import { createOutlast } from '../../packages/sdk/src/index.ts'

export type ReadOrder = { how: 'sdk' | 'hand'; url: string; sessionIds: string[]; last: string }
/** `units` is the size of the events, to show that both ways read the same. */
export type ReadAnswer = { events: number; units: number; wallMs: number; cpuMs: number }

type Count = Pick<ReadAnswer, 'events' | 'units'>
type Told = { type: string; data: { delta?: string } }

process.on('message', async (order: ReadOrder) => {
  const read = order.how === 'sdk' ? readWithSdk : readByHand
  const cpu = process.cpuUsage()
  const begun = performance.now()
  const counts = await Promise.all(order.sessionIds.map((id) => read(order, id)))
  const wallMs = performance.now() - begun
  const { user, system } = process.cpuUsage(cpu)
  const events = counts.reduce((sum, count) => sum + count.events, 0)
  const units = counts.reduce((sum, count) => sum + count.units, 0)
  const answer: ReadAnswer = { events, units, wallMs, cpuMs: (user + system) / 1000 }
  process.send!(answer)
})
process.on('disconnect', () => process.exit(0))

function add(count: Count, event: Told) {
  count.events += 1
  count.units += event.data.delta?.length ?? event.type.length
}

async function readWithSdk({ url, last }: ReadOrder, sessionId: string): Promise<Count> {
  const count = { events: 0, units: 0 }
  for await (const event of createOutlast({ url }).events.stream(sessionId)) {
    add(count, event as Told)
    if (event.type === last) break
  }
  return count
}

async function readByHand({ url, last }: ReadOrder, sessionId: string): Promise<Count> {
  const count = { events: 0, units: 0 }
  const response = await fetch(`${url}/v1/sessions/${sessionId}/sse?accumulated=false`)
  const reader = response.body!.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) throw new Error('A stream ended.')
    const frames = (rest + decoder.decode(value, { stream: true })).split('\n\n')
    rest = frames.pop()!
    for (const frame of frames) {
      if (!frame.includes('\nid: ')) continue
      const event = JSON.parse(frame.slice(frame.indexOf('\ndata: ') + 7)) as Told
      add(count, event)
      if (event.type !== last) continue
      await reader.cancel()
      return count
    }
  }
}
