/** Messages that chats of TanStack AI show, and those of the log. */
import { eventually } from '../../apps/server/test/waiting.ts'

/** The texts, calls and results of a client, in order. */
export const shown = (messages: readonly { role: string; parts: readonly object[] }[]) =>
  messages.map(({ role, parts }) => [
    role,
    ...parts.flatMap((part) => {
      const { type, content, name, arguments: input } = part as Record<string, unknown>
      if (type === 'thinking') return []
      return [[type, content ?? `${name} ${input}`]]
    }),
  ])

/** The messages of a thread of an agent at an address, read from the log when no turn runs. */
export async function loggedMessages(address: string, threadId: string) {
  const url = `${address}?threadId=${encodeURIComponent(threadId)}`
  const messages = await eventually(async () => {
    const { activeRun, messages } = (await (await fetch(url)).json()) as Thread
    return activeRun ? undefined : messages
  })
  return shown(messages)
}
type Thread = { activeRun: object | null; messages: Parameters<typeof shown>[0] }
