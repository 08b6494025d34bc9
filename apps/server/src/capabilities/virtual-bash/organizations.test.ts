import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKey, expectStatus, registerPerson, startGuarded } from '../../../test/access.ts'
import {
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  scripted,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'

type Bash = { name: string; arguments: object }

test('runs a command of one organization while commands of another one fill its share', async (t) => {
  const server = await startGuarded(t)
  const sessionsOf = async (count: number) => {
    const { key, call } = await createKey(server, await registerPerson(server))
    const mine = { url: server.url, call, headers: { authorization: key } }
    const agent_id = (await createAgent(mine, { capabilities: [{ ref: 'virtual_bash' }] })).id
    const made = Array.from({ length: count }, () => createSession(mine, { agent_id }))
    return { ...mine, ids: (await Promise.all(made)).map(({ id }) => id) }
  }
  const bash = (command: string) => ({
    name: 'bash',
    arguments: { command, timeout_ms: 60_000 },
  })
  const send = async (mine: Awaited<ReturnType<typeof sessionsOf>>, n: number, calls: Bash[]) => {
    const sessionId = mine.ids[n]!
    const stream = await follow(t, server.url, { sessionId, headers: mine.headers })
    expectStatus(await post(mine, sessionId, scripted({ tool_calls: calls }, { text: '.' })), 201)
    await stream.event('tool.started')
    return stream
  }
  const busy = await sessionsOf(3)
  const other = await sessionsOf(1)
  const sleeps = Array.from({ length: 12 }, () => bash('sleep 59'))
  for (const n of busy.ids.keys()) await send(busy, n, sleeps)
  const stream = await send(other, 0, [bash('echo one')])
  await stream.event('session.idled')
  assert.match(JSON.stringify(dataOf(stream.events, 'tool.completed')), /one/)
  for (const id of busy.ids) {
    const types = (await eventsOf(busy, id)).map(({ type }) => type)
    assert.deepEqual(
      [types.includes('tool.started'), types.includes('tool.completed')],
      [true, false],
    )
    expectStatus(await busy.call('POST', `/v1/sessions/${id}/cancel`), 200)
  }
})
