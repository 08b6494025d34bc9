/** Reads a request of the Chat Completions API. */

import { isJsonObject } from '../../../json.ts'
import { invalidParam } from './errors.ts'
import {
  callPart,
  gathered,
  type InputTurn,
  outputOf,
  partsOf,
  type RequestInput,
  wholeText,
} from './items.ts'
import {
  allowOnly,
  clientTool,
  flagParam,
  formatOf,
  type JsonParams,
  limitParam,
  metadataOf,
  refuseParams,
  type StoredRequest,
  type TurnSettings,
  textParam,
  turnSettingsFrom,
} from './params.ts'
import { parseCallId } from './place.ts'

export type AskedChat = {
  model: string
  input: RequestInput
  settings: TurnSettings
  stored: Omit<StoredRequest, 'model'>
  user: string | undefined
  stream: boolean
  withUsage: boolean
}

/** Parameters that change the meaning of the answer. Those that only tune it are ignored. */
const refused = [
  'logprobs',
  'top_logprobs',
  'logit_bias',
  'stop',
  'moderation',
  'functions',
  'function_call',
  'audio',
  'web_search_options',
]

/** Contract: throws 400 with `param`. */
export function readChat(body: unknown): AskedChat {
  if (!isJsonObject(body)) throw invalidParam('', 'must be an object')
  refuseParams(body, refused)
  allowOnly(body, 'n', [1])
  allowOnly(body, 'tool_choice', ['auto'])
  allowOnly(body, 'parallel_tool_calls', [true])
  if (Array.isArray(body.modalities) && body.modalities.some((one) => one !== 'text')) {
    throw invalidParam('modalities', 'must be text')
  }
  const model = textParam(body, 'model')
  if (model === undefined) throw invalidParam('model', 'is required')
  const input = readChatMessages(body.messages)
  const format = formatOf(body.response_format, 'response_format')
  const effort = textParam(body, 'reasoning_effort')
  const limits = ['max_completion_tokens', 'max_tokens'].map((name) => limitParam(body, name))
  const metadata = metadataOf(body)
  const options = isJsonObject(body.stream_options) ? body.stream_options : {}
  return {
    model,
    input,
    settings: turnSettingsFrom({
      instructions: input.instructions.filter((part) => part !== '').join('\n\n'),
      tools: toolsOf(body.tools),
      format,
      effort,
      limit: limits[0] ?? limits[1],
    }),
    stored: { ...(metadata && { metadata }), ...(format && { format: format.about }) },
    user: textParam(body, 'user'),
    stream: flagParam(body, 'stream'),
    withUsage: options.include_usage === true,
  }
}

function toolsOf(tools: unknown) {
  if (tools === undefined || tools === null) return []
  if (!Array.isArray(tools)) throw invalidParam('tools', 'must be a list')
  return tools.map((tool, index) => {
    const param = `tools[${index}]`
    if (isJsonObject(tool) && tool.type === 'function' && isJsonObject(tool.function)) {
      return clientTool({ name: '', ...tool.function }, `${param}.function`)
    }
    throw invalidParam(`${param}.type`, 'must be function')
  })
}

function readChatMessages(messages: unknown): RequestInput {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalidParam('messages', 'must be a list of messages')
  }
  return gathered(messages.map((message, index) => readMessage(message, `messages[${index}]`)))
}

function readMessage(message: unknown, param: string): InputTurn {
  if (!isJsonObject(message)) throw invalidParam(param, 'must be a message')
  const { role, content } = message
  if (role === 'assistant') return readReply(message, param)
  if (role === 'tool') {
    const wireId = message.tool_call_id
    if (typeof wireId !== 'string' || wireId === '') {
      throw invalidParam(`${param}.tool_call_id`, 'must be a text')
    }
    const output = outputOf(content, `${param}.content`)
    const about = { kind: 'output' as const, param, wireId, place: parseCallId(wireId), output }
    return { kind: 'answer', answer: about }
  }
  const parts = partsOf(content, `${param}.content`)
  if (role === 'system' || role === 'developer') {
    return { kind: 'instructions', text: wholeText(parts, param) }
  }
  if (role !== 'user') {
    throw invalidParam(`${param}.role`, 'must be user, assistant, tool, system or developer')
  }
  if (parts.length === 0) throw invalidParam(`${param}.content`, 'must not be empty')
  return { kind: 'message', message: { role: 'user', content: parts } }
}

function readReply({ content, tool_calls: calls }: JsonParams, param: string): InputTurn {
  const texts = content == null ? [] : partsOf(content, `${param}.content`)
  const list = calls == null ? [] : calls
  if (!Array.isArray(list)) throw invalidParam(`${param}.tool_calls`, 'must be a list')
  const parts = list.map((call, index) => {
    const at = `${param}.tool_calls[${index}]`
    if (!isJsonObject(call) || typeof call.id !== 'string' || !isJsonObject(call.function)) {
      throw invalidParam(at, 'must be a call of a function')
    }
    const id = parseCallId(call.id)?.callId ?? call.id
    return callPart({ ...call.function, id }, `${at}.function`)
  })
  const all = [...texts.filter((part) => part.type === 'text' && part.text !== ''), ...parts]
  if (all.length === 0) return { kind: 'known' }
  return { kind: 'message', message: { role: 'agent', content: all } }
}
