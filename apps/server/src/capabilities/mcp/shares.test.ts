/** Organizations that share the MCP sessions of a node. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callerWith, expectStatus } from '../../../test/access.ts'
import {
  addListedServer,
  type Exchange,
  sessionWithMcp,
  startMcp,
  startWithMcp,
  textResult,
} from '../../../test/remotes/mcp.ts'
import { eventsOf, post, scripted } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

test('calls of an organization whose servers do not answer leave sessions for others', async (t) => {
  const env = { MCP_CONNECTIONS_MAX: '4', PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' }
  const server = await startWithMcp(t, env)
  const { id } = expectStatus(await server.call('POST', '/v1/orgs', { name: 'Other' }), 201)
  const other = { url: server.url, call: callerWith(server.url, '', { 'x-org-id': id }) }
  const waiting: Exchange[] = []
  const slow = await startMcp(t, { 'tools/call': (exchange) => void waiting.push(exchange) })
  const quick = await startMcp(t)
  const begin = async (at: typeof other, ref: string) => {
    const session = await sessionWithMcp(at, ref)
    const said = scripted({ tool_calls: [{ name: 'mcp_s__say', arguments: {} }] }, { text: 'done' })
    expectStatus(await post(at, session.id, said), 201)
    return session.id
  }
  const outcomeOf = (at: typeof other, session: string) =>
    eventually(async () => {
      const [event] = await eventsOf(at, session, '?types=tool.completed')
      return event?.type === 'tool.completed' ? event.data : undefined
    })
  const { ref } = await addListedServer(server, slow.url, { name: 's' })
  const first = await begin(server, ref)
  for (let count = 1; count < 3; count += 1) await begin(server, ref)
  await eventually(async () => waiting.length === 3)
  const refused = await outcomeOf(server, await begin(server, ref))
  assert.match(refused.error ?? '', /the organization has too many open MCP calls/)
  const { ref: theirs } = await addListedServer(other, quick.url, { name: 's' })
  assert.equal((await outcomeOf(other, await begin(other, theirs))).success, true)
  for (const { answer } of waiting) answer(textResult('late'))
  assert.equal((await outcomeOf(server, first)).success, true)
})
