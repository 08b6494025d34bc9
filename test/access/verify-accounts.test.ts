/** Operations that need an account, for users of the product and for the server itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../apps/server/test/access.ts'
import { createSession } from '../../apps/server/test/session.ts'
import { bodies } from './operations/bodies.ts'
import { fill, operationsOf, unlimited } from './operations/operations.ts'
import { startWithUsers } from './operations/product.ts'

test('refuses users of the product what needs an account', async (t) => {
  const { server, as } = await startWithUsers(t, { s1: { user: 'ada', role: 'owner' } })
  const { id } = await createSession({ call: as('s1'), url: server.url })
  const password = { current_password: 'a', new_password: 'a long password' }
  const needing: [string, string, object][] = [
    ['POST', '/v1/auth/api-keys', { name: 'Key' }],
    ['POST', `/v1/sessions/${id}/tokens`, {}],
    ['POST', '/v1/auth/password', password],
    ['POST', '/v1/orgs', { name: 'New' }],
    ['POST', '/v1/users/me/switch-org', { org_id: 'org_00000000000000000000000000000001' }],
    ['POST', '/v1/invitations/accept', { token: `invite_${'x'.repeat(43)}` }],
  ]
  for (const [method, path, body] of needing) {
    expectStatus(await as('s1')(method, path, body), 403, 'account_required')
  }
  const { data } = expectStatus(await as('s1')('GET', '/v1/orgs'), 200)
  assert.deepEqual(
    data.map((one: { role: string }) => one.role),
    ['owner'],
  )
})

test('answers every operation of users without an account', async (t) => {
  const { server, as } = await startWithUsers(
    t,
    { owner: { user: 'o', role: 'owner' }, viewer: { user: 'v', role: 'viewer' } },
    { env: unlimited },
  )
  const { id: session_id, agent_id } = await createSession({ call: as('owner'), url: server.url })
  const uuid = '01933b5a-0000-7000-8000-000000000001'
  const hex = '0'.repeat(31)
  const things = {
    org_id: `org_${hex}1`,
    agent_id: agent_id!,
    session_id,
    provider_id: `provider_${hex}9`,
    model_id: `model_${hex}9`,
    server_id: `mcp_server_${hex}9`,
    capability_id: 'session_storage',
    key_id: uuid,
    channel_id: `appchan_${hex}9`,
    agent_key_id: `agentkey_${hex}9`,
    user_id: uuid,
    invitation_id: `invitation_${hex}9`,
    invitation_token: `invite_${'x'.repeat(43)}`,
    event_id: `event_${hex}9`,
    message_id: `message_${hex}9`,
    token_id: `session_token_${hex}9`,
    share_id: `share_${hex}9`,
    user_token_id: `token_${hex}9`,
    schedule_id: uuid,
    webhook_id: `wh_${hex}9`,
    task_webhook_id: `wh_${hex}9`,
    delivery_id: `event_${hex}9`,
    image_id: `img_${hex}9`,
    budget_id: `bdgt_${hex}9`,
    execution_id: uuid,
    alert_id: `alert_${hex}9`,
    turn_id: `turn_${hex}9`,
    path: 'a.txt',
    word: 'word',
  }
  for (const { id, method, path, isPublic, isOfChannel } of await operationsOf(server)) {
    if (isPublic || path.endsWith('/sse') || path === '/v1/changes') continue
    if (isOfChannel) continue
    for (const secret of ['viewer', 'owner']) {
      const answer = await as(secret)(method, fill(path, things), bodies[id]?.(things))
      const isAnswered = answer.status < 500 || answer.body.code === 'grep_busy'
      assert.ok(isAnswered, `${id}: ${JSON.stringify(answer.body)}`)
      assert.notEqual(answer.status, 401, id)
    }
  }
})
