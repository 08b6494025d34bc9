import type { MessagePort } from 'node:worker_threads'
import { fromSentError, type SentError, toSentError } from './sent-error.ts'

type Request = { id: number; name: string; value: unknown }
type Reply = { id: number; value: unknown } | { id: number; error: SentError }
type Notice = { name: string; value: unknown }

export type Handlers = Readonly<Record<string, (value: never) => unknown>>

/** An operation of a tool's context. If `signal` aborts while it waits, it does not begin. */
export type Operate = (name: string, value: unknown, signal?: AbortSignal) => Promise<unknown>

/** Requests in both directions over one port. */
export type ThreadChannel = {
  /**
   * Calls a handler of the other side.
   * Contract: rejects with the error of the handler, with the error of `close`, and with a
   * DataCloneError for a value that cannot be sent.
   */
  request: <T>(name: string, value: unknown) => Promise<T>
  /** Calls a handler of the other side, whose result is ignored. */
  notify: (name: string, value: unknown) => void
  /** Number of requests without a reply. */
  pending: () => number
  /** Rejects pending and later requests. */
  close: (error: Error) => void
}

/** Opens a channel. Messages without a handler are ignored. */
export function openChannel(port: MessagePort, handlers: Handlers): ThreadChannel {
  const pending = new Map<number, PromiseWithResolvers<unknown>>()
  let last = 0
  let closed: Error | undefined

  function settle(reply: Reply) {
    const waiting = pending.get(reply.id)
    pending.delete(reply.id)
    if ('error' in reply) waiting?.reject(fromSentError(reply.error))
    else waiting?.resolve(reply.value)
  }

  async function serve({ id, name, value }: Request) {
    const reply = await runHandler(handlers[name], value)
    if (closed) return
    try {
      port.postMessage({ id, ...reply })
    } catch (error) {
      port.postMessage({ id, error: toSentError(error) })
    }
  }

  port.on('message', (message: Request | Reply | Notice) => {
    if (!('id' in message)) void runHandler(handlers[message.name], message.value)
    else if ('name' in message) void serve(message)
    else settle(message)
  })

  return {
    request<T>(name: string, value: unknown) {
      if (closed) return Promise.reject(closed)
      const id = ++last
      const waiting = Promise.withResolvers<unknown>()
      try {
        port.postMessage({ id, name, value })
      } catch (error) {
        return Promise.reject(error)
      }
      pending.set(id, waiting)
      return waiting.promise as Promise<T>
    },
    notify(name, value) {
      if (!closed) port.postMessage({ name, value })
    },
    pending: () => pending.size,
    close(error) {
      closed = error
      port.close()
      for (const waiting of pending.values()) waiting.reject(error)
      pending.clear()
    },
  }
}

async function runHandler(handler: Handlers[string] | undefined, value: unknown) {
  try {
    if (!handler) throw new Error('Unknown request.')
    return { value: await handler(value as never) }
  } catch (error) {
    return { error: toSentError(error) }
  }
}

/** Bytes as a Buffer; other values as they are. Messages turn a Buffer into a Uint8Array. */
export const asBuffer = <T>(value: T): T =>
  (value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : value) as T

/** Bytes without the rest of their memory, which would be sent with them. */
export const exact = <T>(value: T): T =>
  (value instanceof Uint8Array && value.byteLength < value.buffer.byteLength
    ? new Uint8Array(value)
    : value) as T
