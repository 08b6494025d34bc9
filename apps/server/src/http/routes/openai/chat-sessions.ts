/** Finds the session that a history is of, so that its files and the provider's cache are used. */
import type { ContentPart, SeedMessage, Session } from '@outlast/contract'
import type { ResponseItem } from '@outlast/contract/folds/openai'
import { replyGap } from '@outlast/contract/folds/openai-chat'
import { hashOf } from '../../adapters/hash.ts'
import { findKeyedSession } from '../../adapters/keyed-session.ts'
import type { Begin } from './begin.ts'
import type { AskedChat } from './chat-request.ts'
import { beginSession, openKeyedSession } from './create.ts'
import type { Client } from './reading.ts'
import { repeatedSession } from './repeat.ts'
import { itemEvents, openTranscript } from './transcript.ts'

/** A conversation with more items is not compared: a history with so many messages is refused. */
const itemsMax = 2_000

/** Beginnings of a history whose hash can be the key of its session. */
const keysMax = 3

/**
 * Returns the session whose conversation is the history, or a new one that begins with it. The key
 * of a session is the hash of one of the first beginnings that the history had with it: chats that
 * begin alike differ in a later one.
 */
export async function chatSession(begin: Begin, asked: AskedChat): Promise<Session> {
  const { history, content } = asked.input
  const opened = { model: asked.model, history, user: asked.user }
  const repeated = await repeatedSession(begin.calls, begin.repeat)
  if (repeated) return repeated
  const wanted = spoken(history)
  for (const key of keysOf(asked, [...history, { role: 'user', content }])) {
    const found = await findKeyedSession(begin.calls, begin.calls.request, {
      key,
      user: asked.user,
    })
    if (!found) {
      const { session, isNew } = await openKeyedSession(begin, { ...opened, key })
      if (isNew) return session
    } else if (isBegun(found) && (await isSame(begin.calls, found, wanted))) return found
  }
  return beginSession(begin, opened)
}

/** A session without a turn is of a request that is about to send its message. */
const isBegun = ({ status }: Session) => status !== 'started'

function keysOf({ model, user }: AskedChat, messages: readonly SeedMessage[]): string[] {
  const ends = messages.flatMap(({ role }, index) => (role === 'user' ? [index + 1] : []))
  return ends.slice(0, keysMax).map((end) => {
    return `openai-chat:${hashOf([model, user, messages.slice(0, end)])}`
  })
}

/** A text of one side of a conversation. */
type Spoken = { isUser: boolean; text: string }

async function isSame(client: Client, { id }: Session, wanted: readonly Spoken[]) {
  const { items, add } = openTranscript(id)
  await client.read(id, { after: 0, types: itemEvents }, (event) => {
    add(event)
    return items.size > itemsMax
  })
  return JSON.stringify(spokenIn([...items.values()])) === JSON.stringify(wanted)
}

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
        text: (content as { text?: string }[]).map(({ text }) => text ?? '[image]').join('\n'),
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
