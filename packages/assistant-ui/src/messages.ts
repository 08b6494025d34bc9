import type { ThreadMessageLike } from '@assistant-ui/react'
import type {
  AgentMessage,
  Notice,
  Question,
  ToolCallItem,
  TranscriptItem,
  UserMessage,
} from '@outlast/sdk'

/** A message of assistant-ui: a message of a user, or all items of the agent up to the next one. */
export type MessageGroup = {
  id: string
  role: 'user' | 'assistant'
  items: readonly TranscriptItem[]
}

type Part = Exclude<ThreadMessageLike['content'], string>[number]

/** Groups items. Groups that have not changed stay the same objects, so that views skip them. */
export function groupsOf(
  items: readonly TranscriptItem[],
  before: readonly MessageGroup[],
): MessageGroup[] {
  const groups: { id: string; role: MessageGroup['role']; items: TranscriptItem[] }[] = []
  for (const item of items) {
    const role = item.kind === 'user_message' ? 'user' : 'assistant'
    const last = groups.at(-1)
    if (role === 'assistant' && last?.role === role) last.items.push(item)
    else groups.push({ id: item.key, role, items: [item] })
  }
  return groups.map((group, at) => (isSame(group, before[at]) ? before[at]! : group))
}

const isSame = (group: MessageGroup, before: MessageGroup | undefined) =>
  group.id === before?.id &&
  group.items.length === before.items.length &&
  group.items.every((item, at) => item === before.items[at])

/** Converts a group. `isLast`: the running turn can still add to it. */
export function messageOf({ id, role, items }: MessageGroup): ThreadMessageLike {
  const content = items.flatMap(partsOf)
  const createdAt = new Date(items[0]!.at)
  if (role === 'user') return { id, role, content, createdAt }
  return { id, role, content, createdAt, ...statusOf(items) }
}

function partsOf(item: TranscriptItem): Part[] {
  switch (item.kind) {
    case 'user_message':
      return userPartsOf(item)
    case 'agent_message':
      return agentPartsOf(item)
    case 'tool_call':
      return [callPartOf(item)]
    case 'notice':
      return []
  }
}

const userPartsOf = ({ content }: UserMessage): Part[] =>
  content.flatMap((part): Part[] => {
    if (part.type === 'text') return [{ type: 'text', text: part.text }]
    if (part.type !== 'image') return []
    const { base64, media_type = 'image/png', url } = part
    const image = base64 ? `data:${media_type};base64,${base64}` : url
    return image ? [{ type: 'image', image }] : []
  })

const agentPartsOf = ({ text, thinking, writing }: AgentMessage): Part[] => [
  ...(thinking === '' ? [] : [{ type: 'reasoning' as const, text: thinking }]),
  ...(text === '' ? [] : [{ type: 'text' as const, text }]),
  ...writing.map(({ id, name, input }) => ({
    type: 'tool-call' as const,
    toolCallId: id,
    toolName: name,
    argsText: input,
  })),
]

type Arguments = NonNullable<Extract<Part, { type: 'tool-call' }>['args']>

function callPartOf(call: ToolCallItem): Part {
  const { id, name, status, error, result } = call
  const approval = approvalOf(call)
  const isOver = status === 'done' || status === 'failed' || status === 'cancelled'
  return {
    type: 'tool-call',
    toolCallId: id,
    toolName: name,
    args: call.arguments as Arguments,
    ...(isOver && { result: error ?? resultOf(result) ?? status, isError: status !== 'done' }),
    ...(approval && { approval }),
  }
}

/** A result that is one text of JSON is shown as its value. */
function resultOf(result: ToolCallItem['result']): unknown {
  const [part, ...others] = result ?? []
  if (part?.type !== 'text' || others.length > 0) return result
  try {
    return JSON.parse(part.text)
  } catch {
    return part.text
  }
}

type CallApproval = NonNullable<Extract<Part, { type: 'tool-call' }>['approval']>

function approvalOf({ id, approval, questions }: ToolCallItem): CallApproval | undefined {
  if (questions) {
    const list = questions.questions.map(questionOf)
    return { id, display: 'questions', dismissible: true, questions: list }
  }
  if (!approval) return undefined
  const { state, reason } = approval
  if (state === 'requested') return { id }
  if (state === 'expired') return { id, resolution: 'expired' }
  return { id, approved: state === 'approved', ...(reason !== undefined && { reason }) }
}

const yesNo = ['Yes', 'No'].map((label) => ({ id: label, label }))

function questionOf({ id, kind, header, question, options = [], ...more }: Question) {
  const { multi_select = false, allow_other = true } = more
  const choices = options.map(({ label, description }) => ({
    id: label,
    label,
    ...(description !== undefined && { description }),
  }))
  const about = { id, prompt: question, ...(header !== undefined && { header }) }
  if (kind === 'boolean') return { ...about, options: yesNo }
  if (kind !== 'choice') return about
  return { ...about, options: choices, multiple: multi_select, allowFreeform: allow_other }
}

function statusOf(items: readonly TranscriptItem[]): Pick<ThreadMessageLike, 'status'> {
  const ofAgent = items.filter((item) => item.kind !== 'user_message')
  // The group can begin with the end of an earlier turn.
  const { turnId } = ofAgent.at(-1)!
  const notice = ofAgent.findLast(
    (item): item is Notice => item.kind === 'notice' && item.turnId === turnId,
  )
  if (notice?.type === 'turn.failed') {
    return { status: { type: 'incomplete', reason: 'error', error: notice.data.error } }
  }
  if (notice?.type === 'turn.cancelled') {
    return { status: { type: 'incomplete', reason: 'cancelled' } }
  }
  const isWaiting = items.some((item) => item.kind === 'tool_call' && item.status === 'waiting')
  if (isWaiting) return { status: { type: 'requires-action', reason: 'tool-calls' } }
  const isRunning = items.some(
    (item) =>
      (item.kind === 'agent_message' && item.isStreaming) ||
      (item.kind === 'tool_call' && item.status === 'running'),
  )
  return { status: isRunning ? { type: 'running' } : { type: 'complete', reason: 'stop' } }
}
