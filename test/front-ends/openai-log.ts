/** Items that clients of OpenAI's APIs have, and the messages of the log in the same form. */
import type { Message } from '@outlast/contract'
import type { Call } from '../../apps/server/test/server.ts'

type Item = Record<string, unknown>

/** Speaker and text, a call and its arguments, or a result. */
export type Flat = [kind: string, ...unknown[]]

const value = (json: unknown) => {
  try {
    return JSON.parse(String(json))
  } catch {
    return json
  }
}

const textOf = (content: unknown) =>
  Array.isArray(content) ? content.map(({ text }) => text).join('') : String(content ?? '')

/** The messages, calls and results of items of Responses, of a chat, or of the Agents SDK. */
export const flat = (items: readonly object[]): Flat[] => (items as Item[]).flatMap(flatItem)

function flatItem({ type = 'message', providerData, ...item }: Item): Flat[] {
  if (type === 'hosted_tool_call') {
    const { type: hosted } = providerData as { type: string }
    return flatItem({ ...item, ...(providerData as Item), type: hosted })
  }
  const call: Flat = ['call', item.name, value(item.arguments)]
  if (type === 'function_call') return [call]
  if (type === 'mcp_call') return [call, ['result', value(item.output)]]
  if (type === 'function_call_output') return [['result', value(item.output)]]
  if (type === 'function_call_result') {
    return [['result', value((item.output as Item).text ?? item.output)]]
  }
  if (type !== 'message') return []
  if (item.role === 'tool') return [['result', value(item.content)]]
  const text = textOf(item.content)
  const calls = (item.tool_calls ?? []) as { function: Item }[]
  return [
    ...(text === '' ? [] : [[String(item.role), text] satisfies Flat]),
    ...calls.flatMap(({ function: made }) => flatItem({ ...made, type: 'function_call' })),
  ]
}

/**
 * The messages of a session. A question is a message of the assistant, as clients see it; that a
 * call has failed is left out.
 */
export async function loggedIn(call: Call, sessionId: string): Promise<Flat[]> {
  const { body } = await call('GET', `/v1/sessions/${sessionId}/messages`)
  return (body.data as Message[]).flatMap(({ role, content }) =>
    content.flatMap((part): Flat[] => {
      if (part.type === 'text') return [[role === 'agent' ? 'assistant' : role, part.text]]
      if (part.type === 'tool_result') return 'result' in part ? [resultOf(value(part.result))] : []
      if (part.type !== 'tool_call') return [[part.type]]
      if (part.name !== 'ask_user') return [['call', part.name, part.arguments]]
      return [['assistant', questionsIn(part.arguments as Asked)]]
    }),
  )
}

/** A result; answers to a question are as a client sends them. */
const resultOf = (result: Item): Flat => [
  'result',
  result?.answered_by === undefined ? result : { answers: result.answers },
]

type Asked = { questions: { question: string; options: { label: string }[] }[] }

const questionsIn = ({ questions }: Asked) =>
  questions
    .map(({ question, options }) => [question, ...options.map((o) => `- ${o.label}`)].join('\n'))
    .join('\n\n')
