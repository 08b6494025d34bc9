import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createLog } from '../../log.ts'
import type { Db } from '../database.ts'
import { createBus, type Follower } from './bus.ts'
import { unpacked } from './hints.ts'

const follower: Follower = { orgId: 'org_1', stored() {}, grew() {}, deleted() {} }

test('a stream that ended while it read asks for no text, which would be kept for ever', async () => {
  const asked: string[] = []
  const bus = createBus({
    log: createLog('error', 'json'),
    db: {} as Db,
    nodeId: 'node_1',
    connect: () => ({
      async publish(payloads) {
        for (const hint of payloads.flatMap((payload) => unpacked(payload).hints()))
          if (hint.kind === 'ask') asked.push(hint.session)
      },
      stop: async () => {},
    }),
  })
  bus.setPeers(['node_2'])
  bus.follow('session_1', follower)
  const unfollow = bus.follow('session_2', follower)
  unfollow()
  for (const session of ['session_1', 'session_2']) bus.requestText(session, 1)
  await setImmediate()
  await setImmediate()
  assert.deepEqual(asked, ['session_1'])
})
