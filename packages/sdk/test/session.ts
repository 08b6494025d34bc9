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
/** Says for more than two seconds. */
export const slow = scripted({ text: words, tokens_per_second: 50 })
export const says = (...steps: ScriptStep[]) => scripted(...steps)
export const calls = (name: string, input: object = {}, id?: string) => ({
  tool_calls: [{ name, arguments: input, ...(id && { id }) }],
})

/** A server in this process, and a client of it. */
export async function startClient(t: Pick<TestContext, 'after'>, env: Record<string, string> = {}) {
  const server = await startServer(t, { env })
  const outlast = createOutlast({ url: server.url })
  return { server, outlast, start: starter(outlast) }
}

/** Makes a session whose agent can do what `agent` says. */
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

/** Reads until an event fits, which is what comes back, and no further. */
export async function until<T>(events: AsyncIterable<T>, fits: (event: T) => boolean): Promise<T> {
  for await (const event of events) if (fits(event)) return event
  throw new Error('The events ended.')
}

/** The n-th of a type. */
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
