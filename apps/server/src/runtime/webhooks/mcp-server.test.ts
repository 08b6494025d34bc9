import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../../test/access.ts'
import { addMcpServer, startMcp } from '../../../test/remotes/mcp.ts'
import {
  createWebhook,
  deliveriesOf,
  startReceiver,
  startWithWebhooks,
} from '../../../test/remotes/receiver.ts'
import { eventually } from '../../../test/waiting.ts'

test('an MCP server that rejects its key is reported once, without its words', async (t) => {
  const receiver = await startReceiver(t)
  const server = await startWithWebhooks(t, { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' } })
  const webhook = await createWebhook(server, receiver.url, { events: ['mcp_server.unauthorized'] })
  let requests = 0
  const mcp = await startMcp(t, {
    initialize({ response }) {
      requests += 1
      response.writeHead(401).end(`Secret ${requests}`)
    },
  })
  const { id, ref } = await addMcpServer(server, mcp.url, { name: 'tracker' })
  const preview = { system_prompt: 'x', capabilities: [{ ref }] }
  const list = async () => {
    expectStatus(await server.call('POST', '/v1/agents/preview', preview), 200)
    return (await server.call('GET', `/v1/mcp-servers/${id}`)).body.tools_error as string
  }
  const first = await eventually(list)
  const [request] = await receiver.until('mcp_server.unauthorized')
  assert.deepEqual(request!.body.data, { mcp_server_id: id })
  await eventually(async () => (await list()) !== first)
  assert.equal((await deliveriesOf(server, webhook.id)).length, 1)
})
