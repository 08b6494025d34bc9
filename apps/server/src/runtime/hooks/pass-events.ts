import type { Event } from '@outlast/contract'
import type { EventHook } from '../../authoring/config.ts'
import { readPage } from '../../store/log/events.ts'
import {
  claimPosition,
  type HookClaim,
  leavePosition,
  movePosition,
} from '../../store/log/hook-positions.ts'
import type { EventMark } from '../../store/log/lost-events.ts'
import { presentEvents } from '../../store/log/present-events.ts'
import { throughOutages } from '../journal/append.ts'
import type { Node } from '../node.ts'
import { callHook } from './call.ts'

const eventsAtOnce = 100
const bytesAtOnce = 1024 * 1024
/** How often a position is stored while a page is processed, in ms. */
const storedEveryMs = 1_000
const retryMs = 1_000
const retryMsMax = 300_000

export type StopSignals = {
  /** Aborted when no more events should be processed. */
  stopping: AbortSignal
  /** Aborted when running calls should end. */
  stopped: AbortSignal
}

type HookedSession = {
  name: string
  hook: EventHook
  sessionId: string
  limitMs: number
  stop: StopSignals
  begun: () => void
}

/**
 * Claims a session's position and calls the hook for all events after it. After `limitMs` it leaves
 * the rest to a later job, so that busy sessions do not keep the others waiting. After an error,
 * this node may still have the claim.
 */
export async function passEvents(node: Node, session: HookedSession): Promise<void> {
  const { name, sessionId, limitMs, begun, stop } = session
  const of = { hook: name, sessionId, nodeId: node.id }
  const claim = await throughOutages(node, stop.stopping, () => claimPosition(node.db, of))
  begun()
  if (!claim) return
  const endsAt = performance.now() + limitMs
  let at: EventMark = { sequence: claim.sequence, ts: '-infinity' }
  for (let empty = 0; empty < emptyMax; ) {
    const read = { after: at.sequence, limit: eventsAtOnce, bytesMax: bytesAtOnce }
    const { rows, more } = await readPage(node.db, sessionId, read)
    const page: HookPage['page'] = []
    for await (const { json } of presentEvents(node.db, claim, rows))
      page.push({ event: JSON.parse(json) as Event, at: rows[page.length]! })
    const passed = await passPage(node, session, { claim, at, page, endsAt })
    if (!passed) return
    at = passed
    if (performance.now() >= endsAt) {
      return leavePosition(node.db, claim, at, { afterMs: 0, failed: false })
    }
    const moved = await movePosition(node.db, claim, at, !more)
    if (!moved || moved.done) return
    if (rows.length === 0) empty += 1
  }
  await leavePosition(node.db, claim, at, { afterMs: retryMs, failed: false })
}

/** Pages without events in a row: the events of a deleted organization are deleted first. */
const emptyMax = 2

type HookPage = {
  claim: HookClaim
  at: EventMark
  page: { event: Event; at: EventMark }[]
  endsAt: number
}

/**
 * Calls the hook for events until `endsAt`. Returns the last one; undefined when the claim has
 * ended.
 */
async function passPage(node: Node, session: HookedSession, { claim, at, page, endsAt }: HookPage) {
  let last = at
  let storedAt = performance.now()
  for (const { event, at } of page) {
    if (session.stop.stopping.aborted) return handOver(node, claim, last)
    try {
      await callOne(node, session, claim, event)
    } catch (error) {
      if (session.stop.stopped.aborted) return handOver(node, claim, last)
      return retryLater(node, claim, { at: last, event, error })
    }
    last = at
    if (performance.now() >= endsAt) return last
    if (performance.now() - storedAt < storedEveryMs) continue
    if (!(await movePosition(node.db, claim, last, false))) return undefined
    storedAt = performance.now()
  }
  return last
}

async function callOne(
  { metrics }: Node,
  { name, hook, limitMs, stop: { stopped } }: HookedSession,
  { orgId }: HookClaim,
  event: Event,
) {
  await callHook(hook, event, { organizationId: orgId, limitMs, stopped })
  metrics.hookCalls.inc({ hook: name, outcome: 'completed' })
}

async function handOver(node: Node, claim: HookClaim, at: EventMark): Promise<undefined> {
  await leavePosition(node.db, claim, at, { afterMs: 0, failed: false })
}

type FailedHook = { at: EventMark; event: Event; error: unknown }

/** Exponential backoff. A position that has moved begins with the shortest delay again. */
async function retryLater(node: Node, claim: HookClaim, failed: FailedHook): Promise<undefined> {
  const { at, event, error } = failed
  const { hook, sessionId: session, sequence, failures } = claim
  const afterMs = Math.min(retryMsMax, retryMs * 2 ** (at.sequence === sequence ? failures : 0))
  node.metrics.hookCalls.inc({ hook, outcome: 'failed' })
  const about = { hook, session, event: event.id, retryInMs: afterMs, error }
  node.log.warn('an event hook failed', about)
  await leavePosition(node.db, claim, at, { afterMs, failed: true })
}
