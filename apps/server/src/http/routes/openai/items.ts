/** Converts the input of a request to messages of ours. */
import type { ContentPart, SeedMessage } from '@outlast/contract'
import { isJsonObject } from '../../../json.ts'
import { filePart } from '../../adapters/file-part.ts'
import { jsonIn } from '../../adapters/json-text.ts'
import { invalidParam } from './errors.ts'
import { type CallPlace, parseCallId } from './place.ts'

type Item = Record<string, unknown>

/** The output of a client tool, or the decision on an approval. */
export type InputAnswer = {
  /** Where the answer is in the request. */
  param: string
  wireId: string
  place: CallPlace | undefined
} & ({ kind: 'output'; output: unknown } | { kind: 'approval'; approve: boolean; reason?: string })

export type RequestInput = {
  /** Messages before the last ones of the user. */
  history: SeedMessage[]
  /** Parts of the last messages of the user. */
  content: ContentPart[]
  /** Texts of system and developer messages. */
  instructions: string[]
  /** Answers after the last reply of the history. */
  answers: InputAnswer[]
}

export type InputTurn =
  | { kind: 'message'; message: SeedMessage }
  | { kind: 'answer'; answer: InputAnswer }
  | { kind: 'instructions'; text: string }
  /** A part of a reply that the log has. */
  | { kind: 'known' }

/** Contract: throws 400 with `param` for an item that cannot be read. */
export function readInput(input: unknown, param = 'input'): RequestInput {
  if (typeof input === 'string') return { ...empty(), content: [{ type: 'text', text: input }] }
  if (!Array.isArray(input)) throw invalidParam(param, 'must be a text or a list of items')
  const turns = input.map((item, index) => readItem(item, `${param}[${index}]`))
  return gathered(turns)
}

const empty = (): RequestInput => ({ history: [], content: [], instructions: [], answers: [] })

/** Splits items at the last reply: those after it are new. */
export function gathered(turns: readonly InputTurn[]): RequestInput {
  const last = turns.findLastIndex(
    (turn) => turn.kind === 'known' || (turn.kind === 'message' && turn.message.role === 'agent'),
  )
  const found = empty()
  for (const [index, turn] of turns.entries()) {
    if (turn.kind === 'instructions') found.instructions.push(turn.text)
    else if (turn.kind === 'answer') {
      if (index < last) addResult(found.history, turn.answer)
      else found.answers.push(turn.answer)
    } else if (turn.kind === 'message') {
      if (index <= last) addMessage(found.history, turn.message)
      else for (const part of turn.message.content) found.content.push(part)
    }
  }
  return { ...found, history: found.history.map(ordered) }
}

/** Messages of one role in a row are one: calls of a reply come as items of their own. */
function addMessage(history: SeedMessage[], { role, content }: SeedMessage) {
  const before = history.at(-1)
  if (before?.role !== role) history.push({ role, content: [...content] })
  else for (const part of content) before.content.push(part)
}

const isCall = ({ type }: ContentPart) => type === 'tool_call'

/** Calls follow the text of their reply. */
const ordered = ({ role, content }: SeedMessage): SeedMessage => ({
  role,
  content: [...content.filter((part) => !isCall(part)), ...content.filter(isCall)],
})

/** Adds answers that a session that begins with this history has as results. */
export function addResult(history: SeedMessage[], answer: InputAnswer) {
  if (answer.kind === 'approval') return
  const { output, place, wireId } = answer
  const tool_call_id = place?.callId ?? wireId
  addMessage(history, {
    role: 'tool_result',
    content: [{ type: 'tool_result', tool_call_id, result: output }],
  })
}

/** Items that the server made, which are in its own log. */
const repeated = new Set([
  'reasoning',
  'mcp_call',
  'mcp_list_tools',
  'mcp_approval_request',
  'item_reference',
])

function readItem(item: unknown, param: string): InputTurn {
  if (!isJsonObject(item)) throw invalidParam(param, 'must be an item')
  const { type = 'message' } = item
  if (type === 'message') return readMessage(item, param)
  if (type === 'function_call') return { kind: 'message', message: callMessage(item, param) }
  if (type === 'function_call_output') {
    const wireId = textOf(item.call_id, `${param}.call_id`)
    const output = outputOf(item.output, `${param}.output`)
    return answerOf({ kind: 'output', param, wireId, place: parseCallId(wireId), output })
  }
  if (type === 'mcp_approval_response') {
    const wireId = textOf(item.approval_request_id, `${param}.approval_request_id`)
    if (typeof item.approve !== 'boolean') {
      throw invalidParam(`${param}.approve`, 'must be true or false')
    }
    const reason = typeof item.reason === 'string' ? { reason: item.reason } : {}
    const about = { param, wireId, place: parseCallId(wireId), approve: item.approve, ...reason }
    return answerOf({ kind: 'approval', ...about })
  }
  if (repeated.has(String(type))) return { kind: 'known' }
  throw invalidParam(`${param}.type`, `must not be ${JSON.stringify(type).slice(0, 60)}`)
}

const answerOf = (answer: InputAnswer): InputTurn => ({ kind: 'answer', answer })

function textOf(value: unknown, param: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= 1_100) return value
  throw invalidParam(param, 'must be a text')
}

function readMessage({ role, content }: Item, param: string): InputTurn {
  const parts = partsOf(content, `${param}.content`)
  if (role === 'system' || role === 'developer') {
    return { kind: 'instructions', text: wholeText(parts, param) }
  }
  if (role === 'assistant') {
    const texts = parts.filter((part) => part.type === 'text' && part.text !== '')
    if (texts.length === 0) return { kind: 'known' }
    return { kind: 'message', message: { role: 'agent', content: texts } }
  }
  if (role !== 'user') {
    throw invalidParam(`${param}.role`, 'must be user, assistant, system or developer')
  }
  if (parts.length === 0) throw invalidParam(`${param}.content`, 'must not be empty')
  return { kind: 'message', message: { role: 'user', content: parts } }
}

export function wholeText(parts: readonly ContentPart[], param: string): string {
  return parts
    .map((part) => {
      if (part.type === 'text') return part.text
      throw invalidParam(`${param}.content`, 'must be text for this role')
    })
    .join('\n')
}

const partsMax = 1_000

/** Parts of a message of either API of OpenAI. */
export function partsOf(content: unknown, param: string): ContentPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  if (!Array.isArray(content)) throw invalidParam(param, 'must be a text or a list of parts')
  if (content.length > partsMax) throw invalidParam(param, `must have at most ${partsMax} parts`)
  return content.map((part, index) => partOf(part, `${param}[${index}]`))
}

const texts = new Set(['text', 'input_text', 'output_text', 'refusal', 'summary_text'])

function partOf(part: unknown, param: string): ContentPart {
  if (!isJsonObject(part)) throw invalidParam(param, 'must be a part of a message')
  const type = String(part.type)
  const text = part.text ?? part.refusal
  if (texts.has(type) && typeof text === 'string') return { type: 'text', text }
  const { image_url: image } = part
  const address = isJsonObject(image) ? image.url : image
  const file = type === 'input_file' ? part : type === 'file' && part.file
  if (type === 'input_image' || type === 'image_url') {
    if (typeof address === 'string') return filePart({ path: param, url: address, isImage: true })
  }
  if (isJsonObject(file)) {
    const { file_data, file_url, filename } = file
    return filePart({ path: param, url: file_data ?? file_url, filename })
  }
  throw invalidParam(param, 'must be text, an image by address, or a file')
}

function callMessage(item: Item, param: string): SeedMessage {
  const wireId = textOf(item.call_id, `${param}.call_id`)
  const id = parseCallId(wireId)?.callId ?? wireId
  return { role: 'agent', content: [callPart({ ...item, id }, param)] }
}

export function callPart(call: Item, param: string): ContentPart {
  const { name } = call
  if (typeof name !== 'string') throw invalidParam(`${param}.name`, 'must be a text')
  return {
    type: 'tool_call',
    id: String(call.id),
    name,
    arguments: parsed(call.arguments, `${param}.arguments`),
  }
}

function parsed(text: unknown, param: string): Item {
  const value = jsonIn(String(text) || '{}')
  if (isJsonObject(value)) return value
  throw invalidParam(param, 'must be a JSON object as text')
}

/** The output of a call: JSON if its text is that. */
export function outputOf(output: unknown, param: string): unknown {
  if (Array.isArray(output)) return wholeText(partsOf(output, param), param)
  if (typeof output !== 'string') throw invalidParam(param, 'must be a text')
  return jsonIn(output)
}
