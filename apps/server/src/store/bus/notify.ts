import type pg from 'pg'
import { newClient, prepareSession } from '../connect.ts'
import type { Transport, TransportEvents } from './outbox.ts'

const channel = 'outlast_bus'
const reconnectMs = 500
const queryMs = 5_000

/** Payloads are lines of JSON, which have no control characters. */
const notify = {
  name: 'notify',
  text: `select pg_notify('${channel}', p) from string_to_table($1, chr(1)) as p`,
}

/**
 * Carries hints over PostgreSQL's LISTEN and NOTIFY, on a connection of its own. A notification
 * uses no disk space, so no commit waits for one.
 */
export function connectNotify(
  url: string,
  { log, receive, connected }: TransportEvents,
): Transport {
  let stopped = false
  let client: pg.Client | undefined

  async function connect() {
    if (stopped) return
    const fresh = newClient(url, { application_name: 'outlast bus', query_timeout: queryMs })
    let over = false
    const again = (error?: Error) => {
      if (over) return
      over = true
      if (client === fresh) client = undefined
      if (stopped) return
      log.warn('the connection to other nodes was lost', { error })
      fresh.end().catch(() => {})
      setTimeout(connect, reconnectMs).unref()
    }
    fresh.on('error', again)
    fresh.on('end', again)
    fresh.on('notification', ({ payload = '' }) => receive(payload))
    try {
      await fresh.connect()
      await prepareSession(fresh, { synchronous_commit: 'off' })
      await fresh.query(`listen ${channel}`)
      if (over) return
      if (stopped) return await fresh.end()
      client = fresh
      connected()
    } catch (error) {
      again(error as Error)
    }
  }

  void connect()
  return {
    async publish(payloads) {
      const using = client
      if (!using) return
      try {
        await using.query({ ...notify, values: [payloads.join('\u0001')] })
      } catch (error) {
        using.emit('error', error)
      }
    },
    async stop() {
      stopped = true
      await client?.end().catch(() => {})
    },
  }
}
