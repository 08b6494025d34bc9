import type { ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { startServer } from '../server.ts'
import { converse, createAgent, createSession, scripted } from '../session.ts'
import { page, startSite } from './site.ts'

type Server = Awaited<ReturnType<typeof startServer>>

/** The result or the error of one call of `web_fetch`. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into results of every shape
export type Fetched = { result?: any; error?: string }

/** Starts a server whose agents may fetch from 127.0.0.1, and from no other private address. */
export const startFetching = (t: Pick<TestContext, 'after'>, env: Record<string, string> = {}) =>
  startServer(t, { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1', ...env } })

/** Calls `web_fetch` in parallel in one turn with this config; returns the results. */
export async function fetchInTurn(
  t: TestContext,
  { server, config = {} }: { server: Server; config?: object },
  ...inputs: object[]
): Promise<Fetched[]> {
  const agent = await createAgent(server, {
    capabilities: [{ ref: 'web_fetch', config: { timeout_ms: 60_000, ...config } }],
  })
  const session = await createSession(server, { agent_id: agent.id })
  const calls = inputs.map((input, at) => ({
    id: `call_${at}`,
    name: 'web_fetch',
    arguments: input,
  }))
  const script = scripted({ tool_calls: calls }, { text: 'done' })
  const events = await converse(t, server, session.id, script)
  return calls.map(({ id }) => {
    const done = events.find((one) => one.type === 'tool.completed' && one.data.tool_call_id === id)
    const { result, error } = done!.data as { result?: { text: string }[]; error?: string }
    return result ? { result: JSON.parse(result[0]!.text) } : { error: error! }
  })
}

/** Takes all 32 fetches of an organization until `release`, which returns the results. */
export async function takeAllFetches(t: TestContext, server: Server) {
  const held: ServerResponse[] = []
  const full = Promise.withResolvers<void>()
  const site = await startSite(t, {
    '/': (_, response) => {
      if (held.push(response) === 32) full.resolve()
    },
  })
  const inputs = Array.from({ length: 16 }, () => ({ url: site.url }))
  const use = { server, config: { timeout_ms: 60_000 } }
  const turns = Promise.all([1, 2].map(() => fetchInTurn(t, use, ...inputs)))
  await full.promise
  return {
    async release() {
      const plain = page('ok', { 'content-type': 'text/plain' })
      for (const response of held) plain(response.req, response)
      return (await turns).flat()
    },
  }
}
