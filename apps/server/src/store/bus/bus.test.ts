import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createLog } from '../../log.ts'
import type { Db } from '../database.ts'
import { createBus, type Follower } from './bus.ts'
import { type Hint, packed, unpacked } from './hints.ts'

const follower: Follower = { orgId: 'org_1', stored() {}, grew() {}, deleted() {} }

/** A bus with another node. `sent`: the hints of a kind; `receive`: one of the other node. */
function startBus() {
  const published: Hint[] = []
  let receive = (_payload: string) => {}
  const bus = createBus({
    log: createLog('error', 'json'),
    db: {} as Db,
    nodeId: 'node_1',
    history: { identity: () => 'history_1' },
    connect(events) {
      receive = events.receive
      return {
        async publish(payloads) {
          for (const payload of payloads) published.push(...unpacked(payload).hints())
        },
        stop: async () => {},
      }
    },
  })
  bus.setPeers(['node_2'])
  const sent = async (kind: Hint['kind']) => {
    await setImmediate()
    await setImmediate()
    return published.splice(0).filter((hint) => hint.kind === kind)
  }
  return {
    bus,
    sent,
    receive: (hint: Hint) => packed('node_2', [hint]).forEach(receive),
  }
}

test('a stream that ended while it read asks for no text, which would be kept for ever', async () => {
  const { bus, sent } = startBus()
  bus.follow('session_1', follower)
  const unfollow = bus.follow('session_2', follower)
  unfollow()
  for (const session of ['session_1', 'session_2']) bus.requestText(session, 1)
  assert.deepEqual(await sent('ask'), [{ kind: 'ask', session: 'session_1', sequence: 1 }])
})

test('asks for the events of a session once while it is followed and hints have them', async () => {
  const { bus, sent, receive } = startBus()
  const session = 'session_1'
  const want = { kind: 'want', session }
  bus.follow(session, follower)
  const unfollow = bus.follow(session, { ...follower })
  assert.deepEqual(await sent('want'), [want])
  unfollow()
  receive({ kind: 'stored', session, sequence: 2, news: { events: [], history: 'history_1' } })
  receive({ kind: 'stored', session: 'session_2', sequence: 2 })
  assert.deepEqual(await sent('want'), [])
})

test('sends events only of sessions that another node has asked for', async () => {
  const { bus, sent, receive } = startBus()
  const event = { sequence: 2, type: 'turn.started', id: 'event_2', json: '{}' } as const
  const ref = { orgId: 'org_1', sessionId: 'session_1' }
  const hint = { kind: 'stored', session: 'session_1', org: 'org_1', sequence: 2 }
  bus.stored(ref, 2, () => assert.fail('no node needs the events'))
  assert.deepEqual(await sent('stored'), [hint])
  receive({ kind: 'want', session: 'session_1' })
  bus.stored(ref, 2, () => [event])
  const news = { events: [event], history: 'history_1' }
  assert.deepEqual(await sent('stored'), [{ ...hint, news }])
})
