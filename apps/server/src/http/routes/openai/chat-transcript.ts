/** Compares the history of a request with the conversation of a session. */
import type { ContentPart, SeedMessage } from '@outlast/contract'
import type { ResponseItem } from '@outlast/contract/folds/openai'
import { replyGap } from '@outlast/contract/folds/openai-chat'
import { messageBytesMax } from '../messages/messages.ts'
import { parseCallId } from './place.ts'
import type { Client } from './reading.ts'
import { itemEvents, openTranscript } from './transcript.ts'

/**
 * A conversation with more items, or with more text than a request can have, is not compared: a
 * history with so many messages is refused.
 */
const itemsMax = 2_000

/**
 * A session with the same conversation as a history. `sequence`: its last event. `hasHidden`: it
 * has calls that the history lacks, such as those of the tools of the server.
 */
export type SameChat = { sequence: number; hasHidden: boolean }

/** Undefined if the conversation of the session is another one. */
export async function compareChat(
  client: Client,
  sessionId: string,
  history: readonly SeedMessage[],
): Promise<SameChat | undefined> {
  let length = 0
  let isLong = false
  const { items, add } = openTranscript(sessionId, (item) => {
    if (item.type !== 'message') return callIn(item)
    const text = textIn(item)
    length += text.length
    return { ...item, content: [{ text }] }
  })
  const sequence = await client.read(sessionId, { after: 0, types: itemEvents }, (event) => {
    add(event)
    isLong = items.size > itemsMax || length > messageBytesMax
    return isLong
  })
  if (isLong) return undefined
  const all = [...items.values()]
  if (JSON.stringify(spokenIn(all)) !== JSON.stringify(spoken(history))) return undefined
  const shown = callsIn(history)
  const isHidden = ({ type, call_id }: ResponseItem) =>
    type !== 'message' && !shown.has(parseCallId(String(call_id))?.callId ?? '')
  return { sequence, hasHidden: all.some(isHidden) }
}

/** The text of a message, without the bytes of its images. */
const textIn = ({ content }: ResponseItem) =>
  (content as { text?: string }[]).map(({ text }) => text ?? '[image]').join('\n')

/** A call or its outcome, without arguments and output. */
const callIn = ({ id, type, call_id }: ResponseItem): ResponseItem => ({ id, type, call_id })

const callsIn = (history: readonly SeedMessage[]): ReadonlySet<string> =>
  new Set(
    history.flatMap(({ content }) =>
      content.flatMap((part) => (part.type === 'tool_call' ? part.id : [])),
    ),
  )

/** A text of one side of a conversation. */
type Spoken = { isUser: boolean; text: string }

const textOf = (content: readonly ContentPart[]) =>
  content.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join('\n')

/** The texts of both sides, without calls, which a client may not repeat in full. */
function spoken(history: readonly SeedMessage[]): Spoken[] {
  return joined(
    history
      .filter(({ role }) => role !== 'tool_result')
      .map(({ role, content }) => ({
        isUser: role === 'user',
        text: textOf(content.filter(({ type }) => type !== 'tool_call')),
      })),
  )
}

function spokenIn(items: readonly ResponseItem[]): Spoken[] {
  return joined(
    items
      .filter(({ type }) => type === 'message')
      .map(({ role, content }) => ({
        isUser: role === 'user',
        text: (content as { text: string }[])[0]!.text,
      })),
  )
}

function joined(all: readonly Spoken[]): Spoken[] {
  const texts: Spoken[] = []
  for (const { isUser, text } of all) {
    const last = texts.at(-1)
    if (text === '') continue
    if (last?.isUser !== isUser) texts.push({ isUser, text })
    else last.text += (isUser ? '\n' : replyGap) + text
  }
  return texts
}
