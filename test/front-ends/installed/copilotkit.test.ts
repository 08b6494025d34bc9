/** CopilotKit's runtime with an agent of Outlast. `npm run test:front-ends` installs it. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { startServer } from '../../../apps/server/test/server.ts'
import { createAgent, scripted } from '../../../apps/server/test/session.ts'
import { eventsIn, loggedMessages, sessionOf, type WireEvent } from '../ag-ui-agent.ts'

const folder = process.env.OUTLAST_FRONT_ENDS ?? ''
const { resolve } = createRequire(path.join(folder, 'package.json'))
const load = (name: string) => import(pathToFileURL(resolve(name)).href)

test('a message, a tool and an approval pass through the runtime', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, {
    capabilities: [{ ref: 'test_math', config: { requires_approval: ['multiply'] } }],
  })
  const { CopilotRuntime, createCopilotRuntimeHandler } = await load('@copilotkit/runtime/v2')
  const { HttpAgent } = await load('@ag-ui/client')
  const url = `${server.url}/v1/ag-ui/agents/${agent.id}`
  const runtime = new CopilotRuntime({ agents: { ada: new HttpAgent({ url }) } })
  const handler = createCopilotRuntimeHandler({ runtime, basePath: '/api/copilotkit' })
  const threadId = 'copilot'
  const run = async (runId: string, messages: object[], more: object = {}) => {
    const body = { threadId, runId, messages, tools: [], context: [], state: {}, ...more }
    const request = new Request('http://localhost/api/copilotkit/agent/ada/run', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ forwardedProps: {}, ...body }),
    })
    const response: Response = await handler(request)
    assert.equal(response.status, 200, await response.clone().text())
    return (await response.text()).split('\n\n').flatMap(eventsIn) as WireEvent[]
  }
  const numbers = { a: 2, b: 3 }
  const steps = [
    { text: 'I add.', tool_calls: [{ name: 'add', arguments: numbers }] },
    { tool_calls: [{ name: 'multiply', arguments: numbers, id: 'call_m' }] },
    { text: 'Five and six.' },
  ]
  const user = { id: 'm1', role: 'user', content: scripted(...steps) }
  const asked = await run('run-1', [user])
  const types = asked.map(({ type }) => type)
  assert.ok(types.includes('TOOL_CALL_RESULT'), types.join(' '))
  const { outcome } = asked.at(-1)!
  assert.equal(outcome.interrupts[0].toolCallId, 'call_m')
  const { messages } = asked.find(({ type }) => type === 'MESSAGES_SNAPSHOT')!
  const resume = [{ interruptId: 'call_m', status: 'resolved', payload: { approved: true } }]
  const rest = await run('run-2', messages, { resume })
  const texts = rest.filter(({ type }) => type === 'TEXT_MESSAGE_CONTENT').map(({ delta }) => delta)
  assert.equal(texts.join(''), 'Five and six.')
  assert.equal(rest.at(-1)!.type, 'RUN_FINISHED')
  const session = await sessionOf(server.call, threadId)
  assert.equal((await loggedMessages(server.call, session.id)).length, 6)
})
