import { setTimeout as sleep } from 'node:timers/promises'
import { type Frame, framesOf } from '../../apps/server/test/stream.ts'
import type { ClusterNode } from '../cluster/cluster.ts'
import { addCopy, type Followed, type SessionEvidence } from '../evidence.ts'
import type { Random } from '../random.ts'

const silentMsMax = 3_500
const pauseMs = 100

export type FollowerOptions = {
  doors: readonly ClusterNode[]
  random: Random
  session: SessionEvidence
  signal: AbortSignal
}

export type Follower = {
  /** The sequence of the last stored event that it has. */
  at: () => number
  ended: Promise<void>
}

/** Follows a session until the signal, on one node after the other, resuming at the last event. */
export function startFollower(name: string, options: FollowerOptions): Follower {
  const { random, doors, session, signal } = options
  const followed: Followed = { name, seen: [], connections: 0, resumes: 0 }
  session.followed.push(followed)
  let at = 0

  async function follow() {
    while (!signal.aborted) {
      const node = random.pick(doors)
      const closing = new AbortController()
      const cycle = setTimeout(() => closing.abort(), random.between(500, 8_000))
      const either = AbortSignal.any([signal, closing.signal])
      await connect(node, either, () => closing.abort()).catch(() => {})
      clearTimeout(cycle)
      await sleep(pauseMs, undefined, { signal }).catch(() => {})
    }
  }

  async function connect(node: ClusterNode, either: AbortSignal, close: () => void) {
    const last = followed.seen.at(-1)?.id
    const [query, headers] = resumption(random, last)
    let silent = setTimeout(close, silentMsMax)
    try {
      const url = `${node.url}/v1/sessions/${session.id}/sse${query}`
      const response = await fetch(url, { headers, signal: either })
      if (response.status !== 200) return
      followed.connections += 1
      if (last !== undefined) followed.resumes += 1
      for await (const frame of framesOf(response)) {
        clearTimeout(silent)
        silent = setTimeout(close, silentMsMax)
        if (frame.id !== undefined) remember(frame, node)
      }
    } finally {
      clearTimeout(silent)
    }
  }

  function remember({ id, data }: Frame, node: ClusterNode) {
    const json = data!
    followed.seen.push({ id: id!, json, connection: followed.connections })
    const { sequence, type } = JSON.parse(json) as { sequence?: number; type: string }
    if (sequence === undefined) return
    at = sequence
    addCopy(session, { sequence, type, json, where: `SSE at ${node.name}` })
  }

  return { at: () => at, ended: follow() }
}

/** Resumes by the query or by the header; without an event, from the beginning. */
function resumption(random: Random, last: string | undefined): [string, Record<string, string>] {
  if (last === undefined) return ['', {}]
  if (random.fraction() < 0.5) return [`?since_id=${last}`, {}]
  return ['', { 'last-event-id': last }]
}
