import assert from 'node:assert/strict'
import test from 'node:test'
import type { Event } from '@outlast/contract'
import { type ServerOptions, startServer } from '../../../test/server.ts'
import { converse, createSession, eventsOf } from '../../../test/session.ts'
import type { EventHook } from '../../authoring/config.ts'
import { emptyProject } from '../../authoring/project.ts'

/** The events that a hook got, and a wait for a condition on them. */
function recorder() {
  const calls: { event: Event; organizationId: string }[] = []
  const waiting = new Set<() => void>()
  const hook: EventHook = (event, { organizationId }) => {
    calls.push({ event, organizationId })
    for (const look of waiting) look()
  }
  const of = (sessionId: string) =>
    calls.map(({ event }) => event).filter((event) => event.session_id === sessionId)
  return {
    hook,
    calls,
    of,
    until: (condition: () => boolean) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (!condition()) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}

const withHooks = (event: EventHook | Record<string, EventHook>): ServerOptions => ({
  project: { ...emptyProject, hooks: { event } },
})

const last = (events: Event[]) => events.at(-1)!.sequence!

test('a hook gets exactly the stored events of every session, in order', async (t) => {
  const seen = recorder()
  const server = await startServer(t, withHooks(seen.hook))
  const sessions = [await createSession(server), await createSession(server)]
  for (const { id } of sessions) {
    await converse(t, server, id, 'hello')
    const stored = await eventsOf(server, id)
    await seen.until(() => seen.of(id).length >= stored.length)
    assert.deepEqual(seen.of(id), stored)
  }
  assert.ok(
    seen.calls.every(({ organizationId }) => organizationId === sessions[0]!.organization_id),
  )
})
