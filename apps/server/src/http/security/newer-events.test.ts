/** Nodes of two versions can run at once: the older one reads events of types that it lacks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../test/access.ts'
import { openChannel } from '../../../test/channel.ts'
import { queryRows } from '../../../test/database.ts'
import { createSession, eventsOf, post, typesOf } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'

const newer = 'turn.pondered'

const appendNewer = (databaseUrl: string, sessionId: string) =>
  queryRows(
    databaseUrl,
    `with s as (update sessions set sequence = sequence + 1 where id = $1 returning *)
     insert into events (session_id, sequence, type, ts, context, data)
     select id, sequence, '${newer}', now(), '{}', '{"secret": true}' from s returning sequence`,
    [sessionId],
  )

test('end users see no events of types that only a newer version knows, and all later ones', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const mine = { url: server.url, call: (await createKey(server, person)).call }
  const channel = await openChannel(mine)
  const { id } = await createSession(mine)
  const theirs = await channel.create()
  for (const session of [id, theirs]) await appendNewer(server.databaseUrl, session)
  const made = await mine.call('POST', `/v1/sessions/${id}/tokens`, { access: 'write' })
  const { token } = expectStatus(made, 201)

  const byToken = await follow(t, server.url, {
    sessionId: id,
    headers: { authorization: `Bearer ${token}` },
  })
  const byChannel = await channel.follow(t, theirs)
  // Its turn is left to a node of the newer version.
  expectStatus(await post(mine, id, 'Hello'), 201)
  expectStatus(await channel.say(theirs, 'Hello'), 201)
  await byToken.event('input.message')
  await byChannel.event('input.message')

  const endUser = { url: server.url, call: callerWith(server.url, `Bearer ${token}`) }
  const listed = [await eventsOf(endUser, id), await channel.events(theirs)]
  for (const events of [byToken.events, byChannel.events, ...listed]) {
    assert.ok(typesOf(events).includes('input.message'))
    assert.ok(!typesOf(events).includes(newer as never))
  }
  assert.ok(typesOf(await eventsOf(mine, id)).includes(newer as never), 'the organization sees it')
})
