import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../test/server.ts'
import { converse, createAgent, createSession, dataOf, scripted } from '../../test/session.ts'

test('x', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, { capabilities: [{ ref: 'virtual_bash' }] })
  const session = await createSession(server, { agent_id: agent.id })
  for (const command of [
    'echo hi > /a.txt; cat a.txt; ls -la /',
    'cat /a.txt; echo x >> a.txt; mkdir -p d/e; touch _x; ln -s a b; cp a.txt d/c; rm nothing; ls /nowhere; whoami; env',
  ]) {
    const b = performance.now()
    const events = await converse(
      t,
      server,
      session.id,
      scripted({ tool_calls: [{ name: 'bash', arguments: { command } }] }, { text: 'done' }),
    )
    console.log(
      performance.now() - b,
      JSON.stringify(dataOf(events, 'tool.completed'), null, 1),
      JSON.stringify(events.filter((e) => e.type === 'files.changed').map((e) => e.data)),
    )
  }
  assert.ok(1)
})
