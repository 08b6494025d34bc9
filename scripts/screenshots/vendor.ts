/** A scripted vendor for screenshots with the API of Anthropic. */
import { type ChatCompletionRequest, LLMock } from '@copilotkit/aimock'

/** One reply of a model. */
export type Reply = {
  thinking?: string
  text?: string
  calls?: { name: string; arguments: object }[]
  /** Delay of the first token. Default: none. */
  waitMs?: number
  tokensPerSecond?: number
  inputTokens?: number
  outputTokens?: number
  /** The first attempt fails with this status. */
  failsOnce?: number
  /** Every attempt fails with this text. */
  refusal?: string
}

/** A user message and all replies of its turn. */
export type Exchange = { said: string; replies: readonly Reply[] }

export async function startVendor(exchanges: readonly Exchange[]) {
  const vendor = new LLMock({ port: 0 })
  for (const { said, replies } of exchanges) {
    for (const [at, reply] of replies.entries()) teach(vendor, { said, at, reply })
  }
  await vendor.start()
  return { url: vendor.url, stop: () => vendor.stop() }
}

function teach(vendor: LLMock, { said, at, reply }: { said: string; at: number; reply: Reply }) {
  const match = { predicate: (request: ChatCompletionRequest) => isAt(request, said, at) }
  const { failsOnce, refusal, thinking, text, calls, waitMs, tokensPerSecond } = reply
  if (failsOnce) {
    const error = { message: 'Overloaded', type: 'overloaded_error' }
    vendor.on({ ...match, sequenceIndex: 0 }, { error, status: failsOnce })
  }
  if (refusal) {
    return vendor.on(match, {
      error: { message: refusal, type: 'invalid_request_error' },
      status: 400,
    })
  }
  const usage = {
    input_tokens: reply.inputTokens ?? 1_900,
    output_tokens: reply.outputTokens ?? 90,
  }
  const toolCalls = calls?.map((call) => ({ ...call, arguments: JSON.stringify(call.arguments) }))
  const streamingProfile = {
    ...(waitMs && { ttft: waitMs }),
    ...(tokensPerSecond && { tps: tokensPerSecond }),
  }
  return vendor.on(
    match,
    {
      ...{ content: text ?? '', usage },
      ...(toolCalls && { toolCalls }),
      ...(thinking && { reasoning: thinking }),
    },
    { streamingProfile, chunkSize: 6 },
  )
}

/** Returns whether a request needs the reply at this index of an exchange. */
function isAt({ messages }: ChatCompletionRequest, said: string, at: number): boolean {
  const last = messages.findLastIndex(
    ({ role, content }) => role === 'user' && textOf(content) !== '',
  )
  if (last === -1 || !textOf(messages[last]!.content).includes(said)) return false
  return messages.slice(last).filter(({ role }) => role === 'assistant').length === at
}

const textOf = (content: ChatCompletionRequest['messages'][number]['content']) =>
  typeof content === 'string' ? content : (content ?? []).map(({ text = '' }) => text).join('')
