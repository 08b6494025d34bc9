/** Converts a response of the Responses API to a completion of the Chat Completions API. Pure. */
import type { ResponseState } from './openai.ts'
import type { ResponseChunk, ResponseObject } from './openai-parts.ts'

type Json = Record<string, unknown>

export type ChatFacts = {
  id: string
  model: string
}

export type ChatState = {
  readonly facts: ChatFacts
  readonly created: number
  /** Item of the latest text; undefined before the first. */
  readonly item: string | undefined
  /** Function calls that were sent. */
  readonly calls: number
}

export const beginChat = (facts: ChatFacts): ChatState => ({
  facts,
  created: 0,
  item: undefined,
  calls: 0,
})

/** Text between two replies of one turn, such as before and after a tool. */
export const replyGap = '\n\n'

type Choice = { delta: Json; finish_reason: string | null }

/**
 * Returns the choices that a chunk of the response becomes, and the state after it. JSON is sent
 * once it is known to match its schema.
 */
export function foldChat(
  state: ChatState,
  chunk: ResponseChunk,
  { isJson }: Pick<ResponseState, 'isJson'>,
): { state: ChatState; choices: readonly Choice[] } {
  const same = { state, choices: [] }
  if (chunk.type === 'response.created') {
    const { created_at: created } = chunk.response as ResponseObject
    return { state: { ...state, created }, choices: [choice({ role: 'assistant', content: '' })] }
  }
  const textType = isJson ? 'done' : 'delta'
  if (chunk.type === `response.output_text.${textType}`) {
    const text = String(chunk.delta ?? chunk.text)
    if (text === '') return same
    const item = String(chunk.item_id)
    const gap = state.item !== undefined && state.item !== item ? replyGap : ''
    return { state: { ...state, item }, choices: [choice({ content: gap + text })] }
  }
  if (chunk.type !== 'response.output_item.done') return same
  const item = chunk.item as Json
  if (item.type !== 'function_call') return same
  const call = { index: state.calls, ...chatCall(item) }
  return {
    state: { ...state, calls: state.calls + 1 },
    choices: [choice({ tool_calls: [call] })],
  }
}

const choice = (delta: Json): Choice => ({ delta, finish_reason: null })

const chatCall = ({ call_id, name, arguments: input }: Json) => ({
  id: call_id,
  type: 'function',
  function: { name, arguments: input },
})

const chunkOf = ({ facts: { id, model }, created }: ChatState) => ({
  id,
  object: 'chat.completion.chunk',
  created,
  model,
  service_tier: 'default',
  system_fingerprint: null,
})

export const chatChunk = (state: ChatState, { delta, finish_reason }: Choice) => ({
  ...chunkOf(state),
  choices: [{ index: 0, delta, logprobs: null, finish_reason }],
})

export const usageChunk = (state: ChatState, response: ResponseObject) => ({
  ...chunkOf(state),
  choices: [],
  usage: usageOfChat(response),
})

/** The last choice of a response that is over. */
export function lastChoice(response: ResponseObject): Choice {
  const refusal = refusalOf(response)
  return { delta: refusal === null ? {} : { refusal }, finish_reason: finishOf(response) }
}

function finishOf({ incomplete_details, outlast: { waiting_for } }: ResponseObject): string {
  if (incomplete_details?.reason === 'content_filter') return 'content_filter'
  if (incomplete_details !== null) return 'length'
  return waiting_for.some(({ type }) => type === 'tool_results') ? 'tool_calls' : 'stop'
}

/** The API has no approvals: their text is a refusal, which is no part of the conversation. */
function refusalOf({ outlast: { waiting_for } }: ResponseObject): string | null {
  const names = waiting_for.filter(({ type }) => type === 'approval').map(({ name }) => name)
  return names.length === 0 ? null : `Waits for the approval of ${names.join(', ')}.`
}

function usageOfChat({ usage }: ResponseObject) {
  if (usage === null) return { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }
  const { input_tokens, output_tokens, total_tokens, input_tokens_details } = usage
  return {
    prompt_tokens: input_tokens,
    completion_tokens: output_tokens,
    total_tokens,
    prompt_tokens_details: { cached_tokens: input_tokens_details.cached_tokens },
  }
}

/** The completion of a response that is over. */
export function completionOf({ id, model }: ChatFacts, response: ResponseObject) {
  const { output, created_at: created } = response
  const texts = output.flatMap(textsOf).filter((text) => text !== '')
  const calls = output.filter(({ type }) => type === 'function_call').map(chatCall)
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    service_tier: 'default',
    system_fingerprint: null,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: texts.length === 0 && calls.length > 0 ? null : texts.join(replyGap),
          refusal: refusalOf(response),
          annotations: [],
          ...(calls.length > 0 && { tool_calls: calls }),
        },
        logprobs: null,
        finish_reason: finishOf(response),
      },
    ],
    usage: usageOfChat(response),
  }
}

const textsOf = ({ type, content }: Json) =>
  type === 'message' ? (content as { text?: string }[]).map(({ text = '' }) => text) : []
