/** One reply of a model while it is streamed, and its end. */
import type { EventMessage } from '../messages/message.ts'
import type { AiSdkVersion, UIChunk } from './ai-sdk-chunks.ts'

type Tool = { toolCallId: string; toolName: string; dynamic?: boolean }

export type OpenReply = {
  /** Id of the parts of the reply. */
  id: string
  text: number
  thinking: number
  isThinkingOver: boolean
  /** Ids of the calls whose arguments are streamed, in order. */
  inputs: readonly string[]
  /** Thinking as it was stored, before the reply. */
  wholeThinking: string | undefined
  /** The client shows something else than the stored reply will have. */
  isOdd: boolean
}

type Step = readonly [OpenReply | undefined, UIChunk[]]

const thinkingOf = ({ id }: OpenReply) => `${id}:r`

/** Begins an attempt of a reply. A later attempt discards the parts of the one before. */
export function startReply(
  before: OpenReply | undefined,
  { message_id = 'reply', attempt = 1 }: { message_id?: string; attempt?: number },
): Step {
  const id = attempt > 1 ? `${message_id}:${attempt}` : message_id
  const reply: OpenReply = {
    id,
    text: 0,
    thinking: 0,
    isThinkingOver: false,
    inputs: [],
    wholeThinking: undefined,
    isOdd: false,
  }
  return [reply, settleReply(before)]
}

/** Discards what a client has of a reply. Version 6 cannot, so its text only ends. */
export function settleReply(reply: OpenReply | undefined): UIChunk[] {
  if (!reply || !isBegun(reply)) return []
  return [...ends(reply), { type: 'reset-step' }]
}

const isBegun = ({ text, thinking, inputs }: OpenReply) =>
  text > 0 || thinking > 0 || inputs.length > 0

function ends(reply: OpenReply): UIChunk[] {
  const text: UIChunk[] = reply.text > 0 ? [{ type: 'text-end', id: reply.id }] : []
  return [...endThinking(reply), ...text]
}

const endThinking = (reply: OpenReply): UIChunk[] =>
  reply.thinking > 0 && !reply.isThinkingOver
    ? [{ type: 'reasoning-end', id: thinkingOf(reply) }]
    : []

export function streamThinking(reply: OpenReply | undefined, delta: string): Step {
  if (!reply || delta === '') return [reply, []]
  // The stored reply has all thinking before its text.
  if (reply.isThinkingOver) return [{ ...reply, isOdd: true }, []]
  const id = thinkingOf(reply)
  const start: UIChunk[] = reply.thinking === 0 ? [{ type: 'reasoning-start', id }] : []
  const chunks: UIChunk[] = [...start, { type: 'reasoning-delta', id, delta }]
  return [{ ...reply, thinking: reply.thinking + delta.length }, chunks]
}

export function streamText(reply: OpenReply | undefined, delta: string): Step {
  if (!reply || delta === '') return [reply, []]
  const { id } = reply
  const start: UIChunk[] = reply.text === 0 ? [{ type: 'text-start', id }] : []
  const chunks: UIChunk[] = [...endThinking(reply), ...start, { type: 'text-delta', id, delta }]
  // The stored reply has all text before its calls.
  const isOdd = reply.isOdd || (reply.text === 0 && reply.inputs.length > 0)
  return [{ ...reply, text: reply.text + delta.length, isThinkingOver: true, isOdd }, chunks]
}

export function streamInput(reply: OpenReply | undefined, tool: Tool, delta: string): Step {
  if (!reply) return [reply, []]
  const isNew = !reply.inputs.includes(tool.toolCallId)
  const start: UIChunk[] = isNew ? [{ type: 'tool-input-start', ...tool }] : []
  const { toolCallId } = tool
  const part: UIChunk = { type: 'tool-input-delta', toolCallId, inputTextDelta: delta }
  const inputs = isNew ? [...reply.inputs, toolCallId] : reply.inputs
  return [{ ...reply, inputs, isThinkingOver: true }, [...endThinking(reply), ...start, part]]
}

/**
 * Ends a reply with the parts of the stored one that the client lacks. If the client has others,
 * they are discarded and the reply is shown again.
 */
export function endReply(
  reply: OpenReply,
  message: EventMessage,
  tools: readonly Tool[],
  version: AiSdkVersion,
): UIChunk[] {
  const ids = tools.map(({ toolCallId }) => toolCallId)
  const text = message.content.map((part) => (part.type === 'text' ? part.text : '')).join('')
  const thinking = reply.wholeThinking ?? message.thinking ?? ''
  const isLate = reply.isThinkingOver && thinking.length > reply.thinking
  const isOther =
    reply.isOdd ||
    isLate ||
    (reply.inputs.length > 0 && reply.text === 0 && text !== '') ||
    reply.text > text.length ||
    reply.thinking > thinking.length ||
    reply.inputs.some((id, index) => id !== ids[index])
  if (isOther && version === 7) {
    const fresh = { ...startReply(undefined, {})[0]!, id: reply.id }
    return [...settleReply(reply), ...restOf(fresh, { thinking, text, tools })]
  }
  return restOf(reply, { thinking: isLate ? '' : thinking, text, tools })
}

type Whole = { thinking: string; text: string; tools: readonly Tool[] }

function restOf(reply: OpenReply, { thinking, text, tools }: Whole): UIChunk[] {
  const [thought, thoughts] = streamThinking(reply, thinking.slice(reply.thinking))
  const [said, words] = streamText(thought, text.slice(reply.text))
  const isThinkingEnded = words.some(({ type }) => type === 'reasoning-end')
  const started = tools.filter(({ toolCallId }) => !reply.inputs.includes(toolCallId))
  return [
    ...thoughts,
    ...words,
    ...ends(isThinkingEnded ? { ...said!, thinking: 0 } : said!),
    ...started.map((tool): UIChunk => ({ type: 'tool-input-start', ...tool })),
  ]
}
