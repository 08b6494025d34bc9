import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../../../test/access.ts'
import { startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, scripted } from '../../../../test/session.ts'

test('pages of any length lead to the beginning of a thread with many results in a row', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const { id } = await createSession(server, { agent_id, key: 'chat' })
  const add = (a: number) => ({ name: 'add', arguments: { a, b: 1 } })
  const calls = [1, 2, 3, 4].map(add)
  await converse(t, server, id, scripted({ text: 'One.', tool_calls: calls }, { text: 'Done.' }))
  await converse(t, server, id, 'Hello')
  const read = async (query: object) => {
    const about = new URLSearchParams({ threadId: 'chat', format: 'ag-ui', ...query })
    return expectStatus(await server.call('GET', `/v1/ag-ui/agents/${agent_id}?${about}`), 200)
  }
  const whole = (await read({})).messages
  assert.equal(whole.filter(({ role }: { role: string }) => role === 'tool').length, 4)
  for (const limit of ['1', '2', '3', '5']) {
    const found: object[] = []
    let before: string | undefined
    do {
      const { messages, page } = await read({ limit, ...(before && { before }) })
      found.unshift(...messages)
      assert.ok(before === undefined || page.cursor !== before, `${before} leads to itself`)
      before = page.cursor
    } while (before)
    assert.deepEqual(found, whole)
  }
})
