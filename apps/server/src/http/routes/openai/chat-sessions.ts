/** Finds the session that a history is of, so that its files and the provider's cache are used. */
import type { Page, SeedMessage, Session } from '@outlast/contract'
import { hashOf } from '../../adapters/hash.ts'
import { findKeyedSession } from '../../adapters/keyed-session.ts'
import type { Begin } from './begin.ts'
import type { AskedChat } from './chat-request.ts'
import { compareChat } from './chat-transcript.ts'
import {
  type BegunResponse,
  beginSession,
  located,
  onBusyIn,
  openKeyedSession,
  repeatedIn,
  sendAlone,
  sendOnce,
} from './create.ts'
import { repeatedSession } from './repeat.ts'

/** Beginnings of a history whose hash can be the key of its session. */
const keysMax = 3

/**
 * Sends the message to the session whose conversation is the history, or to a new one that begins
 * with it. The key of a session is the hash of one of the first beginnings that the history had
 * with it: chats that begin alike differ in a later one.
 */
export async function beginCompletion(begin: Begin, asked: AskedChat): Promise<BegunResponse> {
  const { history, content } = asked.input
  const repeated = await repeatedSession(begin.calls, begin.repeat)
  if (repeated) return sendOnce(begin, repeated, asked)
  const keys = keysOf(asked, [...history, { role: 'user', content }])
  const label = labelOf(begin, asked, keys)
  const opened = { model: asked.model, history, user: asked.user, label }
  for (const key of keys) {
    const named = { key, user: asked.user }
    const found = await findKeyedSession(begin.calls, begin.calls.request, named)
    if (!found) {
      const { session, isNew } = await openKeyedSession(begin, { ...opened, key })
      if (isNew) return sendOnce(begin, session, asked)
    } else if (isBegun(found)) {
      const begun = await continueChat(begin, found, { asked, label, key })
      if (begun) return begun
    }
  }
  return sendOnce(begin, await beginSession(begin, opened), asked)
}

/** A session without a turn is of a request that is about to send its message. */
const isBegun = ({ status }: Session) => status !== 'started'

function keysOf({ model, user }: AskedChat, messages: readonly SeedMessage[]): string[] {
  const ends = messages.flatMap(({ role }, index) => (role === 'user' ? [index + 1] : []))
  return ends.slice(0, keysMax).map((end) => {
    return `openai-chat:${hashOf([model, user, messages.slice(0, end)])}`
  })
}

/**
 * Label of all sessions that begin alike. Undefined where all of them are of one end user: one that
 * the request names, or that of its token.
 */
const labelOf = ({ repeat }: Begin, { user }: AskedChat, [first = '']: string[]) =>
  repeat.tag === undefined || user !== undefined
    ? undefined
    : first.slice(0, 'openai-chat:'.length + 16)

const triesMax = 3

type Continued = { asked: AskedChat; label: string | undefined; key: string }

/**
 * Sends the message to a session, if the history is all that happened in it. Undefined if it is
 * not, or if another message came first.
 */
async function continueChat(
  begin: Begin,
  session: Session,
  { asked, label, key }: Continued,
): Promise<BegunResponse | undefined> {
  const { history } = asked.input
  const known = await repeatedIn(begin, session.id)
  if (known) return located(begin, known)
  for (let tries = 0; tries < triesMax; tries += 1) {
    const same = await compareChat(begin.calls, session.id, history)
    if (!same) return undefined
    const isShared = same.hasHidden && label !== undefined
    if (isShared && (await hasTwin(begin, session, { label, history }))) return undefined
    const busy = await onBusyIn(begin.calls, session)
    const on_busy = busy.on_busy === 'interrupt' ? busy.on_busy : ('reject' as const)
    const sent = { ...asked, on_busy, if_sequence: same.sequence, if_key: key }
    const begun = await sendAlone(begin, session.id, sent)
    if (begun) return begun
  }
  return undefined
}

/** Sessions that begin alike and are compared: with more, one is assumed to be the same. */
const alikeMax = 20

/**
 * True if another session has the same conversation: the request can be of that one, whose user
 * must not get what the tools of this one returned.
 */
async function hasTwin(
  { calls }: Begin,
  { id, output_preview }: Session,
  { label, history }: { label: string; history: readonly SeedMessage[] },
): Promise<boolean> {
  const path = `/v1/sessions?tag=${encodeURIComponent(label)}&limit=${alikeMax}`
  const { data } = await calls.run<Page<Session>>('GET', path)
  if (data.length === alikeMax) return true
  const others = data.filter((one) => one.id !== id && one.output_preview === output_preview)
  for (const other of others) if (await compareChat(calls, other.id, history)) return true
  return false
}
