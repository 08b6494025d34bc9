import type { TestContext } from 'node:test'
import { startServer } from '../../../apps/server/test/server.ts'
import { type ScriptStep, scripted } from '../../../apps/server/test/session.ts'
import {
  createOutlast,
  type Event,
  type NewAgent,
  type NewSession,
  type Outlast,
} from '../src/index.ts'

export const words = Array.from({ length: 120 }, (_, n) => `word${n}`).join(' ')
/** A reply that streams for more than two seconds. */
export const slow = scripted({ text: words, tokens_per_second: 50 })
/** A reply that streams for two minutes: for turns that a test cancels. */
export const endless = scripted({ text: `${words} `.repeat(10), tokens_per_second: 10 })
export const says = (...steps: ScriptStep[]) => scripted(...steps)
export const calls = (name: string, input: object = {}, id?: string) => ({
  tool_calls: [{ name, arguments: input, ...(id && { id }) }],
})

/** Starts a server in this process, and its client. */
export async function startClient(t: Pick<TestContext, 'after'>, env: Record<string, string> = {}) {
  const server = await startServer(t, { env })
  const outlast = createOutlast({ url: server.url })
  return { server, outlast, start: starter(outlast) }
}

/** Creates a session of an agent with these properties. */
export const starter =
  (outlast: Outlast) =>
  async (session: Partial<NewSession> = {}, agent: Partial<NewAgent> = {}) => {
    const { id } = await outlast.agents.create({
      name: 'Ada',
      system_prompt: 'You help.',
      ...agent,
    })
    return outlast.session(await outlast.sessions.create({ agent_id: id, ...session }))
  }

/** Reads until an event matches, and returns it. */
export async function until<T>(events: AsyncIterable<T>, fits: (event: T) => boolean): Promise<T> {
  for await (const event of events) if (fits(event)) return event
  throw new Error('The events ended.')
}

/** Matches the n-th event of a type. */
export function isOfType(wanted: Event['type'], n = 1) {
  let left = n
  return ({ type }: Event) => {
    if (type === wanted) left -= 1
    return left === 0
  }
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}
