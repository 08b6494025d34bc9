import { createClient } from '@redis/client'
import type { Transport, TransportEvents } from './outbox.ts'

const channel = 'outlast_bus'
const connectMs = 5_000
const pauseMaxMs = 2_000
const silenceMs = 10_000
const publishMs = 2_000

/**
 * Carries hints by Redis. Its pub/sub wants a connection for each direction.
 * Contract: a Redis that is down stops nothing; it is said once an outage, and the connections come
 * back by themselves.
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
    if (!broken) log.warn('Redis is not there: text reaches followers on this node only', { error })
    broken = true
  }
  const back = () => {
    if (!publisher.isReady || !subscriber.isReady || !subscribed) return
    if (broken) log.info('Redis is back')
    broken = false
    connected()
  }
  for (const one of [publisher, subscriber]) one.on('error', lost).on('ready', back)
  void publisher.connect().catch(lost)
  // A connection that comes back has its subscription again before it is ready.
  void subscriber
    .connect()
    .then(() => subscriber.subscribe(channel, receive))
    .then(() => {
      subscribed = true
      back()
    })
    .catch(lost)

  return {
    async publish(payloads) {
      if (!publisher.isReady) return
      const sent = Promise.all(payloads.map((payload) => publisher.publish(channel, payload)))
      await new Promise<void>((resolve) => {
        // A Redis that hangs must not hold up what comes after.
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
