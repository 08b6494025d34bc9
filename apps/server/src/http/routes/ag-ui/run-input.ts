/** Translates the input of a run into the requests of the API. Pure. */
import type {
  AgUiInputMessage,
  AgUiResume,
  ClientToolResult,
  NewMessage,
  RunAgentInput,
  SeedMessage,
} from '@outlast/contract'
import type { AgUiMessage } from '@outlast/contract/folds/ag-ui'
import { resultMessageId } from '@outlast/contract/folds/ag-ui-messages'
import { invalidAt } from '../../../errors.ts'
import { isJsonObject } from '../../../json.ts'
import { filePart } from '../../adapters/file-part.ts'
import { hashOf } from '../../adapters/hash.ts'
import { jsonIn } from '../../adapters/json-text.ts'
import type { WaitingCalls } from '../../adapters/waiting-calls.ts'

const threadIdMax = 200
const runIdMax = 255
const seedsMax = 200
const controls = /[\u0000-\u001f\u007f-\u009f]/

/** Contract: throws 400 for ids that cannot name a session or a run. */
export function checkRunIds({ threadId, runId }: Pick<RunAgentInput, 'threadId' | 'runId'>): void {
  checkId('threadId', threadId, threadIdMax)
  checkId('runId', runId, runIdMax)
}

export function checkId(path: string, id: string, max = threadIdMax): void {
  const isShown = id !== '' && id !== '.' && id !== '..' && id.length <= max && !controls.test(id)
  if (!isShown) {
    throw invalidAt(path, `must be 1 to ${max} printable characters, and neither \`.\` nor \`..\``)
  }
}

/** The key of the message of a run, so that a repeated request attaches to its turn. */
export const runKey = ({ threadId, runId }: Pick<RunAgentInput, 'threadId' | 'runId'>) =>
  `agui:${hashOf([threadId, runId])}`

/** The input of a run: the messages and answers that the client has added. */
export type RunParts = {
  /** Messages of the user at the end. */
  added: AgUiInputMessage[]
  /** Messages before them. */
  history: AgUiInputMessage[]
}

export function runPartsOf({ messages }: RunAgentInput): RunParts {
  const isAdded = ({ role }: AgUiInputMessage) => role === 'user'
  const before = messages.findLastIndex((message) => !isAdded(message)) + 1
  return { added: messages.slice(before), history: messages.slice(0, before) }
}

type Part = NewMessage['message']['content'][number]

/** The parts of a message for the API. Contract: throws as `filePart`. */
function inputContentOf({ content }: AgUiInputMessage): Part[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  if (!Array.isArray(content))
    throw invalidAt('messages/content', 'must be text or a list of parts')
  return content.map((part: unknown, index) => partOf(part, `messages/content/${index}`))
}

type Source = { type?: unknown; value?: unknown; mimeType?: unknown }
type GivenPart = Record<string, unknown> & { source?: Source; metadata?: { filename?: unknown } }

function partOf(given: unknown, path: string): Part {
  const part = (given ?? {}) as GivenPart
  const { type, text, source, mimeType: mediaType, url, data: base64, filename } = part
  if (type === 'text' && typeof text === 'string') return { type, text }
  if (type === 'binary') return filePart({ path, mediaType, url, base64, filename })
  if (typeof source?.value === 'string') {
    const { value, mimeType } = source
    const content = source.type === 'data' ? { base64: value } : { url: value }
    const name = { filename: part.metadata?.filename }
    const about = { path, mediaType: mimeType, isImage: type === 'image' }
    return filePart({ ...about, ...content, ...name })
  }
  throw invalidAt(path, 'must be text, an image or a document')
}

const object = (value: unknown) => (isJsonObject(value) ? value : undefined)

/**
 * The request for a message. Several messages of the user become one. `granted`: tools of a token,
 * which may not send facts: its state is left out, since clients send one that the page never set.
 */
export function messageRequest(
  input: RunAgentInput,
  added: AgUiInputMessage[],
  granted?: string[],
) {
  const controls = object(object(input.forwardedProps)?.controls)
  const tools = toolsOf(input, granted)
  const context = [
    ...(input.context ?? []).map(({ description, value }) => ({ description, value })),
    ...(granted || isEmpty(input.state) ? [] : [{ description: stateMeaning, value: input.state }]),
  ]
  const ids = added.map(({ id }) => id)
  const metadata = {
    client_message_id: ids.at(-1),
    ...(ids.length > 1 && { client_message_ids: ids }),
    run_id: input.runId,
  }
  return {
    message: { role: 'user' as const, content: added.flatMap(inputContentOf) },
    metadata,
    ...(controls && { controls }),
    ...(tools.length > 0 && { tools }),
    ...(context.length > 0 && { context }),
  }
}

const stateMeaning = 'The state of the page that the user sees'

/** True for the state of a client that has none. */
const isEmpty = (state: unknown) =>
  state == null || state === '' || (typeof state === 'object' && Object.keys(state).length === 0)

/** Tools whose results a token may send are tools of the agent already. */
const toolsOf = ({ tools = [] }: RunAgentInput, granted: string[] = []) =>
  tools
    .filter(({ name }) => !granted.includes(name))
    .map(({ name, description, parameters }) => ({
      type: 'client_side' as const,
      name,
      description: description || name,
      ...(object(parameters) && { parameters }),
    }))

/** The calls whose results the client has as messages of its own, not of the server. */
export const clientResults = (messages: readonly AgUiInputMessage[]): string[] =>
  messages.flatMap(({ id, role, toolCallId }) => {
    const isOwn = role === 'tool' && toolCallId !== undefined && id !== resultMessageId(toolCallId)
    return isOwn ? [toolCallId] : []
  })

/** Results of calls that wait for the client. */
export const resultsOf = (messages: readonly AgUiInputMessage[], waiting: WaitingCalls) =>
  [...waiting].flatMap(([tool_call_id, type]): ClientToolResult[] => {
    if (type !== 'tool_results') return []
    const sent = messages.findLast(
      ({ role, toolCallId }) => role === 'tool' && toolCallId === tool_call_id,
    )
    if (!sent) return []
    if (sent.error !== undefined) return [{ tool_call_id, error: sent.error }]
    return [{ tool_call_id, result: resultIn(sent.content) }]
  })

const resultIn = (content: unknown): unknown =>
  typeof content === 'string' ? jsonIn(content) : (content ?? null)

/** The decision on a call. Contract: throws 400 without `approved`. */
export function decisionOf({ interruptId, status, payload }: AgUiResume) {
  const about = { tool_call_id: interruptId }
  if (status === 'cancelled') return { ...about, decision: 'deny' as const, reason: 'cancelled' }
  const answer = typeof payload === 'boolean' ? { approved: payload } : object(payload)
  const { approved, editedArgs, reason } = answer ?? {}
  if (typeof approved !== 'boolean') {
    throw invalidAt('resume/payload', 'must have `approved`, true or false')
  }
  const words = typeof reason === 'string' && reason !== '' ? { reason } : {}
  if (!approved) return { ...about, decision: 'deny' as const, ...words }
  const edited = editedArgs === undefined || editedArgs === null ? {} : { arguments: editedArgs }
  return { ...about, decision: 'approve' as const, ...edited, ...words }
}

/** The answers to questions. Contract: throws 400 for a payload that is no object. */
export function answersOf(
  { interruptId, status, payload }: AgUiResume,
  questions: AskedQuestion[],
) {
  if (status === 'cancelled') return { tool_call_id: interruptId, status: 'declined' as const }
  const given = object(payload)
  if (!given) throw invalidAt('resume/payload', 'must have one property for each question')
  const answers = Object.entries(given).map(([id, value]) => {
    const question = questions.find((one) => one.id === id)
    return { id, ...answerOf(question, value) }
  })
  return { tool_call_id: interruptId, answers }
}

export type AskedQuestion = { id: string; kind: string; options?: { label: string }[] }

function answerOf(question: AskedQuestion | undefined, value: unknown) {
  if (question?.kind === 'secret') return { secret: value }
  if (question?.kind !== 'choice') return { value }
  const chosen = Array.isArray(value) ? value : [value]
  const labels = (question.options ?? []).map(({ label }) => label)
  const selected = chosen.filter((one) => labels.includes(one))
  const [other] = chosen.filter((one) => !labels.includes(one))
  return { ...(selected.length > 0 && { selected }), ...(other != null && { other_text: other }) }
}

/** History for a new session: text, images, and calls that have results. */
export function seedsOfHistory(history: readonly AgUiInputMessage[]): SeedMessage[] {
  const results = new Map(
    history.flatMap((message) =>
      message.role === 'tool' ? [[message.toolCallId, message] as const] : [],
    ),
  )
  const seeds = history.slice(-seedsMax).flatMap((message): SeedMessage[] => {
    if (message.role === 'user') return [{ role: 'user', content: inputContentOf(message) }]
    if (message.role !== 'assistant') return []
    const calls = (message.toolCalls ?? []).filter(({ id }) => results.has(id))
    const text = typeof message.content === 'string' ? message.content : ''
    const content: SeedMessage['content'] = [
      ...(text === '' ? [] : [{ type: 'text' as const, text }]),
      ...calls.map(({ id, function: { name, arguments: args } }) => ({
        type: 'tool_call' as const,
        id,
        name,
        arguments: object(resultIn(args)) ?? {},
      })),
    ]
    const outcomes = calls.map(({ id }) => {
      const { content, error } = results.get(id)!
      const about = { type: 'tool_result' as const, tool_call_id: id }
      return error === undefined ? { ...about, result: resultIn(content) } : { ...about, error }
    })
    if (content.length === 0) return []
    const reply = { role: 'agent' as const, content }
    return outcomes.length === 0 ? [reply] : [reply, { role: 'tool_result', content: outcomes }]
  })
  return seeds.slice(-seedsMax)
}

/** Messages of a client that a snapshot keeps: those of the conversation. */
export const keptMessages = ({ messages }: RunAgentInput) =>
  messages.filter(({ role }) => role !== 'activity' && role !== 'reasoning') as AgUiMessage[]
