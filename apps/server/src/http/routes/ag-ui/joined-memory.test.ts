import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKey, expectStatus, registerPerson, startGuarded } from '../../../../test/access.ts'
import { createAgent, post } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

const mebibyte = 1024 * 1024

test('streams of joined runs keep a limited length of history', async (t) => {
  // A node that accepts messages and runs no turns.
  const server = await startGuarded(t, { env: { ROLE: 'api' } })
  const person = await registerPerson(server)
  const key = await createKey(server, person)
  const mine = { url: server.url, call: key.call }
  const { id: agent_id } = await createAgent(mine)
  const { id } = expectStatus(await key.call('POST', '/v1/sessions', { agent_id, key: 'k' }), 201)
  for (let count = 0; count < 4; count += 1) {
    const text = 'x'.repeat(7 * mebibyte)
    expectStatus(await post(mine, id, text, { on_busy: 'queue' }), 201)
  }
  // Responses that nothing refers to would be closed.
  const open: Response[] = []
  const join = async () => {
    const url = `${server.url}/v1/ag-ui/agents/${agent_id}?runId=${id}:1`
    const response = await fetch(url, { headers: { authorization: key.key } })
    if (response.status === 200) open.push(response)
    else await response.body?.cancel()
    return response.status
  }
  const leave = () => Promise.all(open.splice(0).map(({ body }) => body?.cancel()))
  t.after(leave)
  // 3 times 28 MiB are less than 96 MiB.
  for (const status of [200, 200, 200, 429]) assert.equal(await join(), status)
  await leave()
  await eventually(async () => (await join()) === 200)
})
