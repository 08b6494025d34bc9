/** Reads a request of the Responses API. */

import { serverLabel } from '@outlast/contract/folds/openai-parts'
import { isJsonObject } from '../../../json.ts'
import { invalidParam } from './errors.ts'
import { type RequestInput, readInput } from './items.ts'
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

export type AskedResponse = {
  /** Undefined: the agent of the earlier response. */
  model: string | undefined
  input: RequestInput
  settings: TurnSettings
  stored: Omit<StoredRequest, 'model'>
  previous: string | undefined
  conversation: string | undefined
  user: string | undefined
  stream: boolean
  background: boolean
  store: boolean
}

/** Parameters that change the meaning of the answer. Those that only tune it are ignored. */
const refused = ['prompt', 'max_tool_calls', 'top_logprobs', 'moderation']

/** Contract: throws 400 with `param`. */
export function readRequest(body: unknown): AskedResponse {
  if (!isJsonObject(body)) throw invalidParam('', 'must be an object')
  refuseParams(body, refused)
  allowOnly(body, 'tool_choice', ['auto'])
  allowOnly(body, 'parallel_tool_calls', [true])
  const input = readInput(body.input ?? [])
  const text = isJsonObject(body.text) ? body.text : {}
  const format = formatOf(text.format, 'text.format')
  const reasoning = isJsonObject(body.reasoning) ? body.reasoning : {}
  const effort = textParam(reasoning, 'effort')
  const limit = limitParam(body, 'max_output_tokens')
  const instructions = [textParam(body, 'instructions') ?? '', ...input.instructions]
  const previous = textParam(body, 'previous_response_id')
  const conversation = conversationOf(body)
  if (previous !== undefined && conversation !== undefined) {
    throw invalidParam('previous_response_id', 'must be absent beside conversation')
  }
  const [background, store] = [flagParam(body, 'background'), body.store !== false]
  allowOnly(body, 'store', [true, false])
  if (background && !store) throw invalidParam('background', 'needs store')
  if (!store && (previous ?? conversation) !== undefined) {
    throw invalidParam('store', 'must not be false: the conversation is stored')
  }
  const metadata = metadataOf(body)
  return {
    model: textParam(body, 'model'),
    input,
    settings: turnSettingsFrom({
      instructions: instructions.filter((part) => part !== '').join('\n\n'),
      tools: toolsOf(body.tools),
      format,
      effort,
      limit,
    }),
    stored: {
      ...(metadata && { metadata }),
      ...(background && { background }),
      ...(!store && { store }),
      ...(format && { format: format.about }),
      ...(conversation !== undefined && { conversation }),
      ...(effort !== undefined && { reasoning: { effort } }),
    },
    previous,
    conversation,
    user: textParam(body, 'user'),
    stream: flagParam(body, 'stream'),
    background,
    store,
  }
}

function conversationOf({ conversation }: JsonParams): string | undefined {
  if (conversation === undefined || conversation === null) return undefined
  const id = isJsonObject(conversation) ? conversation.id : conversation
  if (typeof id === 'string' && id !== '') return id
  throw invalidParam('conversation', 'must be the id of a conversation, or a key of your own')
}

function toolsOf(tools: unknown) {
  if (tools === undefined || tools === null) return []
  if (!Array.isArray(tools)) throw invalidParam('tools', 'must be a list')
  return tools.flatMap((tool, index) => {
    const param = `tools[${index}]`
    // Clients that run approvals need to name the tools of the server.
    const isOwn = isJsonObject(tool) && tool.type === 'mcp' && tool.server_label === serverLabel
    if (isOwn) return []
    if (isJsonObject(tool) && tool.type === 'function')
      return clientTool({ name: '', ...tool }, param)
    throw invalidParam(`${param}.type`, 'must be function: other tools belong to the agent')
  })
}
