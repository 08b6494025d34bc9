import type {
  EventContext,
  EventDataOf,
  EventMessage,
  EventType,
  OutputError,
} from '@outlast/contract'
import { derivedId } from '../../ids.ts'

/** The part of an event that the conversation needs. `parsed`: the value of `data`, if known. */
type Row = {
  sequence: number
  type: EventType
  ts: string
  context: string
  data: string
  parsed?: unknown
}

/** Events that are messages of the conversation. */
export const messageTypes = ['input.message', 'output.message.completed', 'tool.completed'] as const

/** Returns the sequence of the queued message whose turn begins or is retried here, if any. */
export function inputSequenceOf({ type, data }: Row): number | undefined {
  if (type !== 'session.activated') return undefined
  return (JSON.parse(data) as { input_sequence?: number }).input_sequence
}

/** A message of the conversation, and the sequence of its event. */
export type ConversationEntry = {
  sequence: number
  message: EventMessage
  /** True for a summary of earlier messages; `sequence` is that of its event. */
  isSummary?: true
  /** True for the message after an invalid answer, which has the sequence of the answer. */
  isCorrection?: true
}

/** From its event on, models get a shortened conversation. The latest compaction applies. */
export type Compaction = {
  sequence: number
  /** The summary that replaces all messages up to `summarized_to`. */
  message: EventMessage | undefined
  said: Compacted
}

export type Compacted = Pick<
  EventDataOf<'context.compacted'>,
  'summary' | 'summarized_to' | 'shortened_to'
>

/** Messages in their logical order, which may differ from the order of the log. */
export type Conversation = {
  sessionId: string
  entries: ConversationEntry[]
  /** Messages that wait for turns of their own, by the sequence of their event. */
  queued: Map<number, EventMessage>
  askedAt: number
  compactions: Compaction[]
  /** UTF-16 units of its messages as JSON. */
  length: number
}

export const newConversation = (sessionId: string): Conversation => ({
  sessionId,
  entries: [],
  queued: new Map(),
  askedAt: 0,
  compactions: [],
  length: 0,
})

type Reader = (conversation: Conversation, row: Row) => void

const entryOf = (row: Row): ConversationEntry => ({
  sequence: row.sequence,
  message: eventMessage(row),
})

const readers = {
  'input.message': addInput,
  'session.started': 'ignored',
  'session.activated': beginAtMessage,
  'turn.started': 'ignored',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': ({ compactions }, row) =>
    compactions.push(compactionOf({ ...row, turnId: turnOf(row) }, JSON.parse(row.data))),
  'output.message.started': (conversation, { sequence }) => {
    conversation.askedAt = sequence
  },
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': 'ignored',
  'output.message.completed': addReply,
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': 'ignored',
  'tool.approval_resolved': 'ignored',
  'tool.call_requested': 'ignored',
  'tool.input_resolved': 'ignored',
  'tool.started': 'ignored',
  'tool.completed': ({ entries }, row) => insertAfterCall(entries, entryOf(row)),
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': 'ignored',
  'budget.paused': 'ignored',
  'budget.resumed': 'ignored',
  'turn.completed': 'ignored',
  'turn.failed': 'ignored',
  'turn.cancelled': 'ignored',
  'session.idled': 'ignored',
  'feedback.given': 'ignored',
} satisfies Record<EventType, Reader | 'ignored'>

/** Events that change the conversation. */
export const conversationTypes = (Object.keys(readers) as EventType[]).filter(
  (type) => readers[type] !== 'ignored',
)

/**
 * Adds an event to the conversation.
 * Contract: a reply precedes messages that arrived after its request, since it answers none of
 * them. Tool results directly follow their call. A queued message is added where its turn begins,
 * and again where it is retried. Other events add nothing.
 */
export function addToConversation(conversation: Conversation, row: Row): void {
  if ((messageTypes as readonly string[]).includes(row.type)) conversation.length += row.data.length
  const read: Reader | 'ignored' | undefined = readers[row.type]
  if (typeof read === 'function') read(conversation, row)
}

/** Removes what precedes the first message of a user: replies, and results without their calls. */
export function trimStart({ entries }: Conversation): void {
  const first = entries.findIndex(({ message }) => message.role === 'user')
  entries.splice(0, first === -1 ? entries.length : first)
}

const turnOf = ({ context }: Row) => (JSON.parse(context) as EventContext).turn_id ?? ''

type At = Pick<Row, 'sequence' | 'ts'> & { turnId: string }

function compactionOf(at: At, said: Compacted): Compaction {
  const { summary } = said
  const message = summary === undefined ? undefined : summaryMessage(at, summary)
  return { sequence: at.sequence, message, said }
}

/** Returns the conversation as a stored compaction would make it. */
export function withCompaction(conversation: Conversation, at: At, said: Compacted): Conversation {
  const { compactions } = conversation
  return { ...conversation, compactions: [...compactions, compactionOf(at, said)] }
}

/** Creates a summary message. Its id derives from its turn and place, which a fork keeps. */
function summaryMessage({ ts, sequence, turnId }: At, summary: string): EventMessage {
  const id = derivedId('message', ts, `summary ${turnId} ${sequence}`)
  const text = `A summary of the conversation up to here, whose messages are left out:\n\n${summary}`
  return { id, role: 'user', content: [{ type: 'text', text }], created_at: ts }
}

/**
 * Returns the part of a conversation that models get; `before`: at the call of that sequence.
 * Contract: returns the same objects for the same messages, so that derived data can be cached.
 */
export function viewOf(
  { entries, compactions }: Conversation,
  before = Number.POSITIVE_INFINITY,
): readonly ConversationEntry[] {
  const isWhole = before === Number.POSITIVE_INFINITY
  const known = isWhole ? entries : entries.filter(({ sequence }) => sequence < before)
  const compaction = compactions.findLast(({ sequence }) => sequence < before)
  if (!compaction) return known
  const { message, sequence, said } = compaction
  const placeOf = (wanted: number | undefined) =>
    known.findLastIndex((entry) => entry.sequence === wanted) + 1
  const shortened = placeOf(said.shortened_to)
  const shown = known.map((entry, index) => (index < shortened ? shortenedEntry(entry) : entry))
  if (!message) return shown
  return [{ sequence, message, isSummary: true }, ...shown.slice(placeOf(said.summarized_to))]
}

const shortLengthMax = 600
const shortenedLength = 450
const shortened = new WeakMap<EventMessage, EventMessage>()

function shortenedEntry({ sequence, message }: ConversationEntry): ConversationEntry {
  if (message.role !== 'tool_result') return { sequence, message }
  const known = shortened.get(message) ?? shortenedMessage(message)
  shortened.set(message, known)
  return { sequence, message: known }
}

/**
 * Cuts a tool result to its beginning and end.
 * Contract: returns the same message when it is short.
 */
export function shortenedMessage(message: EventMessage): EventMessage {
  const content = message.content.map((part) => {
    if (part.type !== 'tool_result' || part.result === undefined) return part
    const text = textOfResult(part.result)
    const isShort = text.length <= shortLengthMax && imagesIn(part.result).length === 0
    if (isShort) return part
    const result = text.length <= shortLengthMax ? text : withoutMiddle(text, shortenedLength)
    return { ...part, result }
  })
  return content.every((part, index) => part === message.content[index])
    ? message
    : { ...message, content }
}

type ImagePart = Extract<EventMessage['content'][number], { type: 'image' }>
type Part = EventMessage['content'][number]

const isPart = (value: unknown): value is Part =>
  typeof value === 'object' && value !== null && 'type' in value

/** Returns the images of a result that has some beside its text. */
export const imagesIn = (result: unknown): ImagePart[] =>
  Array.isArray(result)
    ? result.filter((part): part is ImagePart => isPart(part) && part.type === 'image')
    : []

/** Returns a result as text, with a note for each image. */
export function textOfResult(result: unknown): string {
  if (typeof result === 'string') return result
  if (imagesIn(result).length === 0) return JSON.stringify(result ?? null)
  return (result as Part[]).map(wordsOfPart).join('\n')
}

function wordsOfPart(part: Part): string {
  if (part.type === 'text') return part.text
  return part.type === 'image' ? `[image ${part.media_type ?? ''}]` : JSON.stringify(part)
}

/** Cuts a text to its beginning and, for a third of `kept` UTF-16 units, its end. */
export function withoutMiddle(text: string, kept: number): string {
  const left = text.length - kept
  if (left <= 0) return text
  const tailLength = Math.floor(kept / 3)
  const head = text.slice(0, kept - tailLength)
  const tail = text.slice(text.length - tailLength)
  return `${head}\n[${left} of ${text.length} characters are left out here]\n${tail}`.toWellFormed()
}

function addInput({ entries, queued }: Conversation, { sequence, data }: Row): void {
  const { message, on_busy } = JSON.parse(data) as EventDataOf<'input.message'>
  if (on_busy === 'queue') queued.set(sequence, message)
  else entries.push({ sequence, message })
}

function beginAtMessage({ queued, entries }: Conversation, row: Row): void {
  const from = inputSequenceOf(row)
  if (from === undefined) return
  const isFrom = ({ sequence }: ConversationEntry) => sequence === from
  const message = queued.get(from) ?? entries.find(isFrom)?.message
  if (message) entries.push({ sequence: row.sequence, message })
}

/** Adds a reply before later messages, and after an invalid answer its violations. */
function addReply({ entries, askedAt }: Conversation, row: Row): void {
  const { sequence, data } = row
  const reply = JSON.parse(data) as EventDataOf<'output.message.completed'>
  const { message, imported, output_errors: errors } = reply
  let at = entries.length
  // No request precedes an imported reply.
  while (!imported && at > 0 && entries[at - 1]!.sequence > askedAt) at -= 1
  const correction = errors && [
    { sequence, message: correctionMessage(row, errors), isCorrection: true as const },
  ]
  entries.splice(at, 0, { sequence, message }, ...(correction ?? []))
}

const correctionStart = 'This answer does not match the required JSON Schema:'

/** True for the text of the message after an invalid answer. */
export const isCorrectionText = (text: string) => text.startsWith(correctionStart)

/** Creates the message after an invalid answer. Its id derives from its turn and place. */
function correctionMessage(row: Row, errors: readonly OutputError[]): EventMessage {
  const { ts, sequence } = row
  const id = derivedId('message', ts, `correction ${turnOf(row)} ${sequence}`)
  const list = errors.map(({ path, message }) => `- ${path || 'The answer'} ${message}`)
  const text = [
    correctionStart,
    ...list,
    'Give the whole answer again, as JSON that matches the schema, without any other text.',
  ].join('\n')
  return { id, role: 'user', content: [{ type: 'text', text }], created_at: ts }
}

function insertAfterCall(entries: ConversationEntry[], entry: ConversationEntry): void {
  let at = entries.findLastIndex(({ message }) => message.role === 'agent') + 1
  while (entries[at]?.message.role === 'tool_result') at += 1
  entries.splice(at, 0, entry)
}

type ToolCompleted = {
  tool_call_id: string
  result?: EventMessage['content'] | null
  error?: string | null
}

/**
 * Converts an event of `messageTypes` to its message. A tool result's id derives from turn and
 * call.
 */
export function eventMessage(row: Row): EventMessage {
  if (row.type !== 'tool.completed')
    return (JSON.parse(row.data) as { message: EventMessage }).message
  const { tool_call_id, result, error } = (row.parsed ?? JSON.parse(row.data)) as ToolCompleted
  const only = result?.length === 1 ? result[0] : undefined
  return {
    id: derivedId('message', row.ts, `result ${turnOf(row)} ${tool_call_id}`),
    role: 'tool_result',
    content: [
      {
        type: 'tool_result',
        tool_call_id,
        ...(result && { result: only?.type === 'text' ? only.text : result }),
        ...(error && { error }),
      },
    ],
    created_at: row.ts,
  }
}
