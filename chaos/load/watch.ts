import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../cluster/cluster.ts'
import type { SessionEvidence } from '../evidence.ts'
import type { Random } from '../random.ts'
import { type Client, readEvents } from './client.ts'

const pollMs = 500
/** A whole log is long: it is read only once in this many checks. */
const looksAWhole = 4
/**
 * A longer gap between two checks means that this machine is slow: the rest of it does not count
 * against the nodes.
 */
const gapMsMax = pollMs + 100

/**
 * Checks all sessions repeatedly until the signal: how long each active session made no progress
 * while a node could have run it. Reads a log occasionally, too.
 */
export async function watch(
  sessions: readonly SessionEvidence[],
  {
    client,
    cluster,
    random,
    signal,
  }: {
    client: Client
    cluster: Cluster
    random: Random
    signal: AbortSignal
  },
): Promise<void> {
  const still = new Map<string, { updatedAt: string; ms: number }>()
  let lookedAt = performance.now()
  for (let looks = 1; !signal.aborted; looks += 1) {
    const wasAble = cluster.isAble()
    await sleep(pollMs, undefined, { signal }).catch(() => {})
    const up = cluster.doors.filter(({ state }) => state() === 'up')
    const door = random.pick(up.length > 0 ? up : cluster.doors)
    const answer = await client
      .tryOnce({ method: 'GET', path: '/v1/sessions?limit=100' }, door)
      .catch(() => undefined)
    const now = performance.now()
    const passedMs = wasAble && cluster.isAble() ? Math.min(gapMsMax, now - lookedAt) : 0
    lookedAt = now
    if (answer) look(answer.body.data, passedMs)
    else for (const known of still.values()) known.ms += passedMs
    if (looks % looksAWhole > 0) continue
    await readEvents(client, random.pick(sessions), { node: door }).catch(() => {})
  }

  function look(rows: Row[], passedMs: number) {
    const byId = new Map(rows.map((row) => [row.id, row]))
    for (const session of sessions) {
      const row = byId.get(session.id)
      if (!row) continue
      const known = still.get(session.id)
      const moved = row.status !== 'active' || known?.updatedAt !== row.updated_at
      const ms = moved ? 0 : known!.ms + passedMs
      still.set(session.id, { updatedAt: row.updated_at, ms })
      session.stalledMs = Math.max(session.stalledMs, ms)
    }
  }
}

type Row = { id: string; status: string; updated_at: string }
