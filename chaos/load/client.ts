import { setTimeout as sleep } from 'node:timers/promises'
import type { Event } from '@outlast/contract'
import type { ClusterNode } from '../cluster/cluster.ts'
import { addCopy, addMishap, type Mishap, type SessionEvidence } from '../evidence.ts'
import type { Random } from '../random.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers have every shape
export type Answer = { status: number; body: any; node: string }

export type Ask = { method: 'GET' | 'POST'; path: string; body?: object; key?: string }

/** Sends requests to random nodes, as a client with a list of addresses would. */
export type Client = {
  /** Sends one request to one node. Undefined: no response, or one that permits a retry. */
  tryOnce: (ask: Ask, node?: ClusterNode) => Promise<Answer | undefined>
  /**
   * Repeats the request at any node until the answer is certain. Throws when `signal` aborts it.
   */
  insist: (ask: Ask) => Promise<Answer>
}

const answerMsMax = 4_000
const pauseMs = 150

export type ClientOptions = {
  doors: readonly ClusterNode[]
  random: Random
  mishaps: Mishap[]
  signal: AbortSignal
}

export function createClient({ doors, random, mishaps, signal }: ClientOptions): Client {
  async function tryOnce(ask: Ask, node = random.pick(doors)): Promise<Answer | undefined> {
    const answer = await request(ask, node, signal)
    signal.throwIfAborted()
    if (!answer || answer.status < 400) return answer
    const code = answer.body?.code
    // A node answers 429 when requests use all of their connections for too long: the database may
    // be slow.
    if (answer.status === 503 || code === 'rate_limited') {
      const said = `${answer.status} ${code}`
      if (!answer.retryAfter) addMishap(mishaps, `${ask.method}: ${said} without Retry-After`)
      return undefined
    }
    if (code === 'idempotency_in_progress') return undefined
    if (code === 'session_busy') return answer
    addMishap(mishaps, `${ask.method} ${nameless(ask.path)}: ${answer.status} ${code}`)
    return undefined
  }

  async function insist(ask: Ask): Promise<Answer> {
    for (;;) {
      const answer = await tryOnce(ask)
      if (answer) return answer
      await sleep(pauseMs, undefined, { signal })
    }
  }

  return { tryOnce, insist }
}

const nameless = (path: string) => path.replace(/_[0-9a-f]{32}/g, '_…').replace(/\?.*/, '')

async function request({ method, path, body, key }: Ask, node: ClusterNode, signal: AbortSignal) {
  try {
    const response = await fetch(node.url + path, {
      method,
      headers: {
        ...(body && { 'content-type': 'application/json' }),
        ...(key !== undefined && { 'idempotency-key': key }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]),
    })
    const text = await response.text()
    const retryAfter = response.headers.get('retry-after') !== null
    return { status: response.status, body: bodyOf(text), node: node.name, retryAfter }
  } catch {
    return undefined
  }
}

// biome-ignore lint/suspicious/noExplicitAny: answers have every shape
function bodyOf(text: string): any {
  return text === '' ? undefined : JSON.parse(text)
}

/** Reads a session's log at a node and records each event's form. Undefined: no response. */
export async function readEvents(
  client: Client,
  session: SessionEvidence,
  { node, after = 0 }: { node: ClusterNode; after?: number },
) {
  const path = `/v1/sessions/${session.id}/events?after_sequence=${after}`
  const { known } = session
  const answer = await client.tryOnce({ method: 'GET', path }, node)
  if (!answer) return undefined
  const events: Event[] = answer.body.data
  for (const event of events) {
    const { sequence = 0, type } = event
    const json = JSON.stringify(event)
    addCopy(session, { sequence, type, json, where: `GET at ${node.name}` })
  }
  const sequences = events.map(({ sequence }) => sequence ?? 0)
  session.glimpses.push({ node: node.name, after, known, sequences })
  return events
}
