/** Each noun against a real server: it also accepts the requests that `parity.test.ts` shows. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { adminEmail, adminPassword, startGuarded } from '../../../../apps/server/test/access.ts'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { scripted } from '../../../../apps/server/test/session.ts'
import { createOutlast, type Outlast } from '../index.ts'

let url: string
/** Calls as the owner of the organization. */
let outlast: Outlast
let orgId: string

beforeAll(async (t) => {
  const server = await startGuarded(t as TestContext, { env: { RATE_LIMIT_ADDRESS: '0' } })
  url = server.url
  const person = { email: 'ada@example.com', password: 'a long password', name: 'Ada' }
  const { access_token } = await createOutlast({ url }).auth.register(person)
  const me = await createOutlast({ url, apiKey: access_token }).auth.getMe()
  orgId = me.organization_id!
  outlast = createOutlast({ url, apiKey: access_token, organization: orgId })
})

const newAgent = (name = 'Ada') => outlast.agents.create({ name, system_prompt: 'You are Ada.' })

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

async function textOf(bytes: AsyncIterable<Uint8Array>) {
  const parts = await all(bytes)
  return new TextDecoder().decode(Buffer.concat(parts))
}

test('creates, previews, changes, exports, imports and archives agents', async () => {
  const agent = await newAgent()
  const preview = await outlast.agents.preview({ system_prompt: 'You are Ada.' })
  assert.match(preview.system_prompt, /You are Ada/)
  assert.equal((await outlast.agents.update(agent.id, { name: 'Bea' })).name, 'Bea')
  const put = await outlast.agents.put(agent.id, { name: 'Cleo', system_prompt: 'x' })
  assert.deepEqual([put.id, put.name], [agent.id, 'Cleo'])
  for (const format of ['markdown', 'yaml', 'json'] as const) {
    const file = await outlast.agents.export(agent.id, { format })
    assert.equal((await outlast.agents.import(file)).name, 'Cleo')
  }
  await outlast.agents.delete(agent.id)
  assert.equal((await outlast.agents.get(agent.id)).status, 'archived')
  const names = (await all(outlast.agents.list())).map(({ id }) => id)
  assert.ok(!names.includes(agent.id))
})

test('creates, changes, explains, forks, exports and deletes sessions, and creates tokens', async () => {
  const agent = await newAgent()
  const session = await outlast.sessions.create({ agent_id: agent.id, tags: ['trial'] })
  await outlast.session(session.id).send('Hello')
  assert.equal((await outlast.sessions.update(session.id, { title: 'New' })).title, 'New')
  assert.equal((await outlast.sessions.list({ tag: 'trial', search: 'New' })).total, 1)
  assert.equal((await outlast.sessions.explain(session.id)).state, 'idle')
  assert.equal((await outlast.sessions.cancelTurn(session.id)).status, 'no_op')
  assert.match((await outlast.sessions.preview(session.id)).system_prompt, /You are Ada/)
  const fork = await outlast.sessions.fork(session.id, { at_sequence: 2 })
  assert.equal(fork.forked_from?.session_id, session.id)
  const lines = (await textOf(outlast.sessions.export(session.id))).trim().split('\n')
  assert.ok(lines.every((line) => typeof JSON.parse(line) === 'object'))
  const { token } = await outlast.sessions.createToken(session.id, { access: 'read' })
  const guest = createOutlast({ url, apiKey: token })
  assert.equal((await guest.messages.list(session.id)).total, 2)
  await assert.rejects(async () => guest.agents.list(), { code: 'users_only' })
  await outlast.sessions.delete(session.id)
  await assert.rejects(outlast.sessions.get(session.id), { code: 'not_found' })
})

test('lists messages and events, decides a call and refuses a late result', async () => {
  const capabilities = [{ ref: 'test_math', config: { requires_approval: true } }]
  const agent = await outlast.agents.create({ name: 'Clerk', system_prompt: 'x', capabilities })
  const { id } = await outlast.sessions.create({ agent_id: agent.id })
  const content = [{ type: 'text' as const, text: 'What is 2 + 3?' }]
  await outlast.messages.create(id, { message: { content } })
  for await (const event of outlast.events.stream(id)) {
    if (event.type === 'session.idled') break
    if (event.type !== 'tool.approval_requested') continue
    const decision = { decision: 'approve' as const }
    const answer = await outlast.sessions.decideToolCall(id, event.data.tool_call.id, decision)
    assert.equal(answer.decision, 'approved')
    const again = outlast.sessions.decideToolCall(id, event.data.tool_call.id, decision)
    await assert.rejects(again, { code: 'approval_not_pending' })
  }
  assert.ok((await all(outlast.messages.list(id, { limit: 1 }))).length >= 3)
  const ends = await all(outlast.events.list(id, { types: ['turn.completed'] }))
  assert.equal(ends.length, 1)
  const late = { tool_results: [{ tool_call_id: 'call', result: 1 }] }
  await assert.rejects(outlast.sessions.submitToolResults(id, late), {
    code: 'tool_call_not_waiting',
  })
})

test('creates, reads, changes, copies, moves, searches and deletes files', async () => {
  const { files } = outlast
  const { id } = await outlast.sessions.create({ agent_id: (await newAgent()).id })
  await files.create(id, '/notes/a.txt', { content: 'needle' })
  await files.update(id, 'notes/a.txt', { content: 'a needle' })
  assert.equal((await files.read(id, '/notes/a.txt')).content, 'a needle')
  await files.copy(id, { src_path: '/notes/a.txt', dst_path: '/notes/ü b?.txt' })
  await files.move(id, { src_path: '/notes/a.txt', dst_path: '/c.txt' })
  assert.equal((await files.stat(id, '/c.txt')).size_bytes, 8)
  assert.equal((await files.read(id, '/notes/ü b?.txt')).name, 'ü b?.txt')
  const listed = await all(files.list(id, '/', { recursive: true }))
  assert.deepEqual(listed.map(({ path }) => path).sort(), ['/c.txt', '/notes', '/notes/ü b?.txt'])
  assert.equal((await files.grep(id, { pattern: 'needle' })).total, 2)
  await assert.rejects(files.delete(id, '/notes'), { code: 'directory_not_empty' })
  assert.deepEqual(await files.delete(id, '/notes', { recursive: true }), { deleted: true })
})

test('creates, pauses, resumes, triggers, counts and deletes schedules', async () => {
  const { schedules } = outlast
  const session = await outlast.sessions.create({ agent_id: (await newAgent()).id })
  const input = { session_id: session.id, text: 'Hello' }
  const { id } = await schedules.create({
    name: 'Daily',
    cron_expression: '0 0 29 2 *',
    target: { type: 'workflow', name: 'send_message', input },
  })
  assert.equal((await schedules.pause(id)).enabled, false)
  assert.equal((await schedules.resume(id)).enabled, true)
  assert.equal((await schedules.update(id, { description: 'x' })).description, 'x')
  const { execution_id } = await schedules.trigger(id)
  assert.equal((await schedules.getExecution(execution_id)).schedule_id, id)
  assert.equal((await all(schedules.listExecutions(id))).length, 1)
  assert.equal((await schedules.getStats(id)).total_executions, 1)
  assert.deepEqual((await schedules.list({ enabled: true })).data[0]?.id, id)
  await schedules.delete(id)
  await assert.rejects(schedules.get(id), { code: 'not_found' })
})

test('manages providers, models, MCP servers and capabilities', async () => {
  const { providers, models, mcpServers, capabilities } = outlast
  const provider = await providers.create({ name: 'Mine', provider_type: 'llmsim' })
  const about = { model_id: 'llmsim-echo', display_name: 'Echo' }
  const model = await providers.createModel(provider.id, about)
  assert.equal((await providers.test(provider.id)).ok, true)
  assert.equal((await providers.update(provider.id, { name: 'Ours' })).name, 'Ours')
  assert.equal((await providers.get(provider.id)).name, 'Ours')
  assert.ok((await all(providers.list())).length > 0)
  assert.equal((await providers.listModels(provider.id)).total, 1)
  await assert.rejects(providers.syncModels(provider.id), { code: 'models_not_listed' })
  assert.equal((await models.update(model.id, { display_name: 'E' })).display_name, 'E')
  assert.equal((await models.get(model.id)).provider_name, 'Ours')
  assert.ok((await all(models.list({ source: 'manual' }))).some(({ id }) => id === model.id))
  await models.delete(model.id)
  await providers.delete(provider.id)

  const mcp = await mcpServers.create({ name: 'Tools', url: 'https://mcp.invalid/' })
  assert.equal((await mcpServers.update(mcp.id, { description: 'x' })).description, 'x')
  assert.equal((await mcpServers.get(mcp.id)).name, 'Tools')
  assert.equal((await mcpServers.test(mcp.id)).ok, false)
  assert.ok((await all(mcpServers.list())).some(({ id }) => id === mcp.id))
  await mcpServers.delete(mcp.id)

  const [first] = await all(capabilities.list())
  assert.equal((await capabilities.get(first!.id)).name, first!.name)
})

test('manages webhooks, and reads and repeats deliveries', async () => {
  const { webhooks, taskWebhooks, sessions } = outlast
  const address = 'https://hooks.invalid/'
  const made = await webhooks.create({ url: address, events: ['session.created'] })
  assert.match(made.secret, /^whsec_/)
  assert.notEqual((await webhooks.rotate(made.id)).secret, made.secret)
  assert.equal((await webhooks.update(made.id, { description: 'x' })).description, 'x')
  assert.equal((await webhooks.get(made.id)).url, address)
  assert.equal((await webhooks.test(made.id)).ok, false)
  const session = await sessions.create({})
  const [delivery] = await all(webhooks.deliveries(made.id))
  assert.equal(delivery!.data.session_id, session.id)
  assert.equal((await webhooks.resend(made.id, delivery!.event_id)).status, 'pending')
  assert.ok((await all(webhooks.list())).some(({ id }) => id === made.id))
  await webhooks.delete(made.id)
  const task = await taskWebhooks.create({ url: address, secret: 'x' })
  assert.equal((await taskWebhooks.update(task.id, { secret: null })).has_secret, false)
  assert.equal((await taskWebhooks.get(task.id)).url, address)
  assert.ok((await all(taskWebhooks.list())).some(({ id }) => id === task.id))
  await taskWebhooks.delete(task.id)
})

test('manages and audits organizations, members, invitations, users and keys', async () => {
  const { organizations, apiKeys, users, audit } = outlast
  assert.equal((await organizations.update(orgId, { name: 'Ours' })).name, 'Ours')
  assert.equal((await organizations.get(orgId)).role, 'owner')
  const other = await organizations.create({ name: 'Other' })
  assert.equal((await all(organizations.list())).length, 2)
  const elsewhere = createOutlast({ url, organization: other.id, apiKey: await tokenOfAda() })
  assert.equal((await elsewhere.sessions.list()).total, 0)

  const invited = { email: 'bea@example.com', role: 'member' as const }
  const { token } = await organizations.createInvitation(orgId, invited)
  const bea = { email: invited.email, password: 'a long password', name: 'Bea' }
  const tokens = await createOutlast({ url }).auth.register(bea)
  const asBea = createOutlast({ url, apiKey: tokens.access_token })
  assert.equal((await asBea.organizations.acceptInvitation({ token })).id, orgId)
  const { id: beasId } = await asBea.auth.getMe()
  assert.equal((await organizations.listMembers(orgId)).total, 2)
  const changed = await organizations.updateMember(orgId, beasId, { role: 'viewer' })
  assert.equal(changed.role, 'viewer')
  assert.equal((await users.list({ search: 'bea' })).total, 1)
  await organizations.deleteMember(orgId, beasId)
  const left = await organizations.createInvitation(orgId, { email: 'cleo@example.com' })
  assert.equal((await organizations.listInvitations(orgId)).total, 1)
  await organizations.deleteInvitation(orgId, left.id)

  const key = await apiKeys.create({ name: 'Robot' })
  assert.ok((await createOutlast({ url, apiKey: key.key }).agents.list()).total >= 0)
  assert.equal((await apiKeys.list()).total, 1)
  await apiKeys.delete(key.id)
  assert.ok((await audit.list({ action: 'create_api_key' })).total >= 1)
  const entries = (await textOf(audit.export({ action: 'create_api_key' }))).trim().split('\n')
  assert.equal(JSON.parse(entries[0]!).action, 'create_api_key')
})

const tokenOfAda = async () => {
  const credentials = { email: 'ada@example.com', password: 'a long password' }
  return (await createOutlast({ url }).auth.login(credentials)).access_token
}

test('signs in, changes a password and signs out', async () => {
  const { auth } = createOutlast({ url })
  const person = { email: 'dora@example.com', password: 'a long password', name: 'Dora' }
  assert.equal((await auth.getConfig()).mode, 'full')
  const { access_token, refresh_token } = await auth.register(person)
  const signedIn = createOutlast({ url, apiKey: access_token }).auth
  const passwords = { current_password: person.password, new_password: 'another password' }
  await signedIn.changePassword(passwords)
  const { email, password } = person
  await assert.rejects(auth.login({ email, password }), { code: 'invalid_login' })
  const again = await auth.refresh({ refresh_token })
  assert.notEqual(again.access_token, access_token)
  await createOutlast({ url, apiKey: again.access_token }).auth.logout()
  await assert.rejects(auth.refresh({ refresh_token: again.refresh_token }), {
    code: 'invalid_refresh_token',
  })
  assert.equal(auth.oauthUrl('google'), `${url}/v1/auth/oauth/google`)
})

test('lists nodes for the operator and retries failed turns', async () => {
  const { id } = await outlast.sessions.create({ agent_id: (await newAgent()).id })
  const failing = outlast.session(id).send(scripted({ error: { message: 'no', status: 400 } }))
  await assert.rejects(async () => await failing, { name: 'TurnFailedError' })
  const { workflows } = outlast
  const [failed] = await all(workflows.list({ status: 'failed', session_id: id }))
  assert.equal((await workflows.get(failed!.turn_id)).why.state, 'failed')
  assert.ok((await all(workflows.listEvents(failed!.turn_id))).length > 3)
  const retried = await workflows.retry(failed!.turn_id)
  assert.equal(retried.session_id, id)
  const slow = await outlast.sessions.create({ agent_id: (await newAgent()).id })
  const text = scripted({ delay_ms: 60_000, text: 'Late.' })
  await outlast.messages.create(slow.id, { message: { content: [{ type: 'text', text }] } })
  const [running] = await all(workflows.list({ session_id: slow.id }))
  assert.equal((await workflows.cancel(running!.turn_id)).status, 'cancelled')
  // On a loaded machine no node may take turns for a moment.
  while ((await outlast.workers.getHealth()).status !== 'ok') await sleep(100)
  await assert.rejects(async () => outlast.workers.list(), { code: 'forbidden' })

  const admin = { email: adminEmail, password: adminPassword }
  const { access_token } = await createOutlast({ url }).auth.login(admin)
  const { workers } = createOutlast({ url, apiKey: access_token })
  const [node] = await all(workers.list())
  assert.equal((await workers.drain(node!.id)).draining, true)
  assert.equal((await workers.resume(node!.id)).draining, false)
})

test('returns the state, version and readiness of the server', async () => {
  const { health } = createOutlast({ url })
  // A node on a loaded machine can be not ready for a moment.
  while (!(await health.isReady())) await sleep(100)
  const { version, auth_mode } = await health.get()
  assert.match(version, /^\d+\.\d+\.\d+/)
  assert.equal(auth_mode, 'Full')
})
