import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event } from '@outlast/contract'
import type { HookedEvent, SessionEvidence } from '../evidence.ts'
import type { Random } from '../random.ts'
import type { Client } from './client.ts'

/** Types of a session's events that a webhook receives under their own names. */
const types = ['turn.completed', 'turn.failed', 'turn.cancelled']
const pauseMs = 500

type Receiver = { url: string; received: HookedEvent[]; close: () => void }

type Sent = { id: string; type: string; data: { session_id: string } }

/** A receiver that fails the first attempt of every fourth event. */
export async function startReceiver(random: Random): Promise<Receiver> {
  const received: HookedEvent[] = []
  const known = new Set<string>()
  const server = createServer(async (request, response) => {
    const body = (await json(request).catch(() => undefined)) as Sent | undefined
    if (!body) return
    const accepted = known.has(body.id) || random.between(1, 4) > 1
    known.add(body.id)
    const header = String(request.headers['webhook-id'])
    received.push({ header, id: body.id, type: body.type, session: body.data.session_id, accepted })
    response.writeHead(accepted ? 204 : 500).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    received,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

export async function openWebhook(client: Client, url: string): Promise<void> {
  await client.insist({ method: 'POST', path: '/v1/webhooks', body: { url, events: types } })
}

export const isHooked = ({ type }: Pick<Event, 'type'>) => types.includes(type)

/** Gives each session its requests, once none is missing or the time is over. */
export async function readReceived(
  { received }: Receiver,
  sessions: SessionEvidence[],
  { signal, forMs }: { signal: AbortSignal; forMs: number },
): Promise<void> {
  const deadline = performance.now() + forMs
  const isMissing = () => {
    const ids = new Set(received.filter(({ accepted }) => accepted).map(({ id }) => id))
    return sessions.some(({ logs }) =>
      logs[0]?.events.some((event) => isHooked(event) && !ids.has(event.id)),
    )
  }
  while (isMissing() && performance.now() < deadline) await sleep(pauseMs, undefined, { signal })
  const bySession = Map.groupBy(received, ({ session }) => session)
  for (const session of sessions) session.hooked = bySession.get(session.id) ?? []
}
