import type { Message, NewMessage } from '@outlast/contract'
import { newKey } from '../http/http.ts'
import { textOf } from '../turns/follow.ts'
import { type Content, partsOf, type SendOptions } from '../turns/session.ts'
import type { UserMessage } from '../turns/transcript-items.ts'
import { persist, type StoreCore, targetKey } from './store-core.ts'
import { type Follower, settle } from './store-follow.ts'

/** Settings of a message that a session store sends. */
export type StoreSendOptions = Pick<SendOptions, 'on_busy' | 'controls' | 'metadata' | 'tags'>

/**
 * Creates the function that sends messages, one after the other. A message is pending until the log
 * has it. While the server is unreachable it is sent again, with the same idempotency key.
 * Contract: rejects with an error that a retry cannot fix; the message is then not pending. With
 * `changed_meanwhile`, the store shows the session to which its key has moved.
 */
export function createSender(core: StoreCore, follower: Follower) {
  let previous: Promise<unknown> = Promise.resolve()

  async function post(key: string, body: NewMessage): Promise<Message> {
    const sessionId = await core.openSession()
    follower.start()
    const options = { idempotencyKey: key, retriesMax: 0 }
    const sent = { ...body, if_key: targetKey(core) }
    const request = () => core.outlast.messages.create(sessionId, sent, options)
    return persist(core, request).catch((error) => {
      if (follower.leave(error, sessionId)) follower.start()
      throw error
    })
  }

  return (content: string | Content, options: StoreSendOptions = {}): Promise<Message> => {
    const key = newKey()
    const parts = partsOf(content)
    core.pending = [...core.pending, pendingMessage(key, parts)]
    core.publish()
    const metadata = { ...options.metadata, client_message_id: key }
    const body = { message: { role: 'user' as const, content: parts }, ...options, metadata }
    const sent = previous.then(() => post(key, body))
    const stored = sent.then(
      (message) => {
        core.pending = core.pending.map((one) =>
          one.key === key ? { ...one, id: message.id } : one,
        )
        settle(core)
        core.publish()
        return message
      },
      (error) => {
        core.pending = core.pending.filter((one) => one.key !== key)
        core.publish()
        throw error
      },
    )
    previous = stored.catch(() => {})
    return stored
  }
}

function pendingMessage(key: string, parts: Content): UserMessage {
  const content = parts as UserMessage['content']
  const at = new Date().toISOString()
  const text = textOf({ content })
  return {
    kind: 'user_message',
    author: undefined,
    key,
    id: key,
    at,
    content,
    text,
    isQueued: false,
    isPending: true,
  }
}
