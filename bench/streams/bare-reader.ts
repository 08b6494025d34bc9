/**
 * Reads streams of a vendor with the AI SDK and no other code, in a child process of `deltas.ts`.
 * Opens them as our server does, and records when each word arrived.
 */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { createListener, type Heard } from '../core/spoken.ts'

export type ReaderOrder = { read: string[] }
export type ReaderAnswer = { heard: Heard[] }

process.on('message', async ({ read }: ReaderOrder) => {
  const heard = await Promise.all(read.map(readStream))
  process.send!({ heard } satisfies ReaderAnswer)
})
process.on('disconnect', () => process.exit(0))

async function readStream(baseURL: string): Promise<Heard> {
  const vendor = createOpenAICompatible({ name: 'bench', baseURL, includeUsage: true })
  const { stream } = await vendor.chatModel('bench').doStream({
    prompt: [{ role: 'user', content: [{ type: 'text', text: 'Go on.' }] }],
  })
  const listener = createListener()
  for await (const part of stream) {
    if (part.type === 'text-delta') listener.hear(part.delta)
  }
  return listener.result()
}
