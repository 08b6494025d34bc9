import type { Event, EventType, Page } from '@outlast/contract'
import type { InnerCalls } from './inner-calls.ts'

type Query = Record<string, string | number | boolean>

/** Lists stored events with the operation of the API. */
export async function listEvents<T extends EventType>(
  { run }: Pick<InnerCalls, 'run'>,
  sessionId: string,
  query: Query,
): Promise<Event<T>[]> {
  const words = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
  )
  return (await run<Page<Event<T>>>('GET', `/v1/sessions/${sessionId}/events?${words}`)).data
}
