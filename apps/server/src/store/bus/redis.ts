import { createClient } from '@redis/client'
import type { Transport, TransportEvents } from './outbox.ts'

const channel = 'outlast_bus'
const connectMs = 5_000
const pauseMaxMs = 2_000
const silenceMs = 10_000
const publishMs = 2_000

/**
 * Carries hints over Redis, whose pub/sub needs a connection for each direction.
 * Contract: an unavailable Redis stops nothing. It is logged once per outage, and the connections
 * recover without help.
 */
export function connectRedis(url: string, { log, receive, connected }: TransportEvents): Transport {
  let broken = false
  let subscribed = false
  const client = () =>
    createClient({
      url,
      disableOfflineQueue: true,
      pingInterval: silenceMs,
      socket: {
        connectTimeout: connectMs,
        reconnectStrategy: (retries) => Math.min(pauseMaxMs, 50 * 2 ** Math.min(retries, 6)),
      },
    })
  const publisher = client()
  const subscriber = client()

  const lost = (error: Error) => {
    if (!broken)
      log.warn('Redis is unavailable: text reaches only followers on this node', { error })
    broken = true
  }
  const back = () => {
    if (!publisher.isReady || !subscriber.isReady || !subscribed) return
    if (broken) log.info('Redis is available again')
    broken = false
    connected()
  }
  // The client restores a subscription that was confirmed, before it is ready again.
  const subscribe = () =>
    subscriber.subscribe(channel, receive).then(() => {
      subscribed = true
      back()
    }, lost)
  for (const one of [publisher, subscriber]) one.on('error', lost).on('ready', back)
  subscriber.on('ready', () => {
    if (!subscribed) void subscribe()
  })
  for (const one of [publisher, subscriber]) void one.connect().catch(lost)

  return {
    async publish(payloads) {
      if (!publisher.isReady) return
      const sent = Promise.all(payloads.map((payload) => publisher.publish(channel, payload)))
      await new Promise<void>((resolve) => {
        // An unresponsive Redis must not delay later publications.
        const timer = setTimeout(resolve, publishMs)
        sent.catch(lost).finally(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    },
    async stop() {
      publisher.destroy()
      subscriber.destroy()
    },
  }
}
