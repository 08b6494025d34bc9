import type { EventMessage, GenerationMetadata } from '@outlast/contract'
import type { Db } from '../database.ts'
import {
  addToConversation,
  type Conversation,
  conversationTypes,
  inputSequenceOf,
  newConversation,
  trimStart,
  viewOf,
} from './conversation.ts'
import {
  type EventRow,
  type ReadLog,
  readEvents,
  readLog,
  readPage,
  sequenceMax,
  type WireEvent,
  wireEvent,
} from './events.ts'
import { textsOf } from './texts.ts'

/** The stored part of a model call; readers rebuild `messages` and `tools` from it. */
export type StoredGeneration = {
  /** Hash of the system prompt, and whether the session's previous call had another. */
  prompt: string
  prompt_is_new: boolean
  /** Hash of the tool list. */
  tools: string
  /** The messages new to the model: those of events after `from`, before `to`. */
  from: number
  to: number
  output: object
  metadata: GenerationMetadata
}

type Presented = { orgId: string; sessionId: string; whole?: boolean }

/**
 * Converts rows to their wire form. In `llm.generation`, `messages` holds those new since the
 * session's previous call, or with `whole` all messages that the model received.
 * Contract: one at a time, since the messages of a call may be much longer than its row. Reads no
 * more than 128 MiB of messages at once.
 */
export async function* presentEvents(
  db: Db,
  { orgId, sessionId, whole = false }: Presented,
  rows: readonly EventRow[],
): AsyncGenerator<WireEvent> {
  const calls = new Map(
    rows
      .filter((row) => row.type === 'llm.generation')
      .map((row) => [row.sequence, JSON.parse(row.data) as StoredGeneration]),
  )
  const stored = [...calls.values()]
  const hashes = stored.flatMap((call) => [call.prompt, call.tools])
  const texts = stored.length === 0 ? new Map() : await textsOf(db, orgId, hashes)
  const shared = await sharedConversation(db, sessionId, { calls: stored, whole })
  for (const row of rows) {
    const call = calls.get(row.sequence)
    if (!call) {
      yield wireEvent(sessionId, row)
      continue
    }
    const seen = whole
      ? viewOf(shared ?? (await readConversation(db, sessionId, call.to)), call.to)
      : newlySeen(shared ?? (await readFor(db, sessionId, call)), call)
    const system =
      whole || call.prompt_is_new ? systemMessage(texts.get(call.prompt) ?? '', row.ts, call) : []
    const data = presentGeneration(call, [...system, ...seen.map(({ message }) => message)], texts)
    yield wireEvent(sessionId, { ...row, data })
  }
}

/** Beside the limit in bytes: prose of 16 MiB is estimated at this. */
const readLimits = { bytesMax: 32 * 1024 * 1024, estimateMax: 128 * 1024 * 1024 }

/** The messages of all calls, in one statement; undefined if they are too long. */
async function sharedConversation(
  db: Db,
  sessionId: string,
  { calls, whole }: { calls: readonly StoredGeneration[]; whole: boolean },
): Promise<Conversation | undefined> {
  if (calls.length === 0) return undefined
  const from = whole ? 0 : Math.min(...calls.map((call) => call.from))
  const to = Math.max(...calls.map((call) => call.to))
  return readNew(db, sessionId, { from, to })
}

type CallRange = Pick<StoredGeneration, 'from' | 'to'>

/** Reads the messages of one call: the newest 128 MiB at most. */
const readFor = async (db: Db, sessionId: string, call: CallRange) =>
  (await readNew(db, sessionId, call)) ?? (await readConversation(db, sessionId, call.to))

/** Reads messages from a sequence on; undefined if they are too long. */
async function readNew(
  db: Db,
  sessionId: string,
  { from, to }: CallRange,
): Promise<Conversation | undefined> {
  const range = { after: from - 1, upTo: to, types: conversationTypes, limit: sequenceMax }
  const { rows, more } = await readPage(db, sessionId, { ...range, ...readLimits })
  if (more) return undefined
  const earlier = rows.map(inputSequenceOf).filter((sequence) => sequence && sequence < from)
  const conversation = newConversation(sessionId)
  for (const sequence of earlier as number[]) {
    const input = { after: sequence - 1, upTo: sequence, limit: 1 }
    for (const row of await readEvents(db, sessionId, input)) addToConversation(conversation, row)
  }
  for (const row of rows) addToConversation(conversation, row)
  return conversation
}

/** Reads the conversation up to an event, as a model call there reads it. */
export async function readConversation(
  db: Db,
  sessionId: string,
  upTo = sequenceMax,
): Promise<Conversation> {
  return conversationIn(sessionId, await readLog(db, sessionId, upTo, upTo))
}

/**
 * The conversation that the rows of a log contain.
 * Contract: empties `rows`, so that the text of each is freed before the next one is parsed.
 */
export function conversationIn(sessionId: string, { rows, isCut }: ReadLog): Conversation {
  const conversation = newConversation(sessionId)
  rows.reverse()
  for (let row = rows.pop(); row; row = rows.pop()) addToConversation(conversation, row)
  if (isCut) trimStart(conversation)
  return conversation
}

/**
 * Returns the messages and the new summary that a model has not received since the session's
 * previous call.
 */
export function newlySeen(conversation: Conversation, { from, to }: { from: number; to: number }) {
  const isNew = ({ sequence }: { sequence: number }) => sequence > from && sequence < to
  const compaction = conversation.compactions.findLast(isNew)
  const entries = conversation.entries.filter(isNew)
  if (!compaction?.message) return entries
  return [{ sequence: compaction.sequence, message: compaction.message }, ...entries]
}

/** Returns the system prompt as a message. Its id derives from the text, so it is stable. */
export function systemMessage(
  text: string,
  createdAt: string,
  call: { prompt: string },
): EventMessage[] {
  const content = [{ type: 'text' as const, text }]
  return [
    { id: `message_${call.prompt.slice(0, 32)}`, role: 'system', content, created_at: createdAt },
  ]
}

export function presentGeneration(
  call: StoredGeneration,
  messages: EventMessage[],
  texts: Map<string, string>,
): string {
  const tools = texts.get(call.tools) ?? '[]'
  const { output, metadata } = call
  return `{"messages":${JSON.stringify(messages)},"output":${JSON.stringify(output)},"metadata":${JSON.stringify(metadata)},"tools":${tools}}`
}
