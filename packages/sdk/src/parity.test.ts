import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import {
  expectComplete,
  type Operation,
  operationsOf,
} from '../../../test/access/operations/operations.ts'
import { createOutlast, isOutlastError, type Outlast } from './index.ts'

type Sent = { method: string; path: string; query: string[]; body: string | undefined }
type Called = (client: Outlast) => unknown
type Described = Operation & { takesBody: boolean; answersSecret: boolean }

const id = 'id'
const file = '# Ada'
const page = { offset: 1, limit: 2 }
const said = { message: { content: [{ type: 'text' as const, text: 'Hello' }] } }
const span = { action: 'x', actor_id: id, target: 'x', since: 'x', until: 'x' }
const place = {
  since_id: id,
  after_sequence: 1,
  exclude: ['turn.started' as const],
  types: ['input.message' as const],
}
const search = {
  before_sequence: 9,
  around: id,
  window: 4,
  order_desc: true,
  from_ts: 'x',
  to_ts: 'x',
  turn_id: id,
  exec_id: id,
  trace_id: id,
  tags: ['x'],
  tool_name: 'add',
  q: 'x',
}
const states = { status: 'idle', outcome: 'failed', feedback: 'up', waiting: true } as const
const marks = { key: 'x', tag: 'x', search: 'x', q: 'x', user: 'x', legal_hold: true, pinned: true }
const ofSessions = {
  ...states,
  ...marks,
  agent_id: id,
  model_id: id,
  forked_from: id,
  cost_above: 1,
}
const ofUsage = { from: 'x', to: 'x', agent_id: id, model: 'x', user: 'x', key_id: id }
const created = { since: 'x', until: 'x', sort: 'created_at', order: 'desc' } as const
const agent = { name: 'Ada', system_prompt: 'You are Ada.' }
const budget = { subject_type: 'agent' as const, subject_id: id, currency: 'usd', limit: 1 }
const target = { type: 'workflow', name: 'send_message' }
const tools = { tool_results: [{ tool_call_id: 'call', result: 1 }] }
const credentials = { email: 'ada@example.com', password: 'a long password' }
const paths = { src_path: '/a', dst_path: '/b' }

/** The method of each operation, called with all query parameters and a body. */
const methods: Record<string, Called | Called[]> = {
  list_agents: (o) => o.agents.list({ ...page, search: 'x', include_archived: true }),
  create_agent: (o) => o.agents.create(agent),
  preview_agent: (o) => o.agents.preview(agent),
  check_agent_name: (o) => o.agents.checkName({ name: 'ada', exclude_id: id }),
  copy_agent: (o) => o.agents.copy(id),
  get_agent_stats: (o) => o.agents.stats(id),
  get_agent: (o) => o.agents.get(id),
  put_agent: (o) => o.agents.put(id, agent),
  update_agent: (o) => o.agents.update(id, { name: 'Bea' }),
  delete_agent: [(o) => o.agents.purge(id), (o) => o.agents.delete(id)],
  export_agent: (o) => o.agents.export(id, { format: 'yaml' }),
  import_agent: (o) => o.agents.import(file),
  list_agent_tool_rules: (o) => o.agents.listToolRules(id, page),
  delete_agent_tool_rule: (o) => o.agents.removeToolRule(id, id),
  list_agent_channels: (o) => o.agentChannels.list(id),
  create_agent_channel: (o) => o.agentChannels.create(id, { channel_type: 'api' }),
  get_agent_channel: (o) => o.agentChannels.get(id, id),
  update_agent_channel: (o) => o.agentChannels.update(id, id, { enabled: false }),
  delete_agent_channel: (o) => o.agentChannels.delete(id, id),
  publish_agent_channel: (o) => o.agentChannels.publish(id, id),
  unpublish_agent_channel: (o) => o.agentChannels.unpublish(id, id),
  list_agent_keys: (o) => o.agentChannels.listKeys(id, id),
  create_agent_key: (o) => o.agentChannels.createKey(id, id, { name: 'x' }),
  rotate_agent_key: (o) => o.agentChannels.rotateKey(id, id, 'key', { overlap_hours: 0 }),
  revoke_agent_key: (o) => o.agentChannels.revokeKey(id, id, 'key'),
  get_agent_card: (o) => o.channels.getCard(id),
  create_runtime_token: (o) => o.channels.createRuntimeToken(id, { endUser: 'ada' }),
  create_agent_session: (o) => o.channels.createSession(id, { title: 'x' }),
  list_agent_sessions: (o) => o.channels.listSessions(id, { limit: 2, page_token: 'x' }),
  get_agent_session: (o) => o.channels.getSession(id, id),
  send_agent_message: (o) => o.channels.sendMessage(id, id, said),
  cancel_agent_session: (o) => o.channels.cancel(id, id),
  answer_agent_questions: (o) => o.channels.answerQuestions(id, id, { status: 'declined' }),
  decide_agent_tool_calls: (o) =>
    o.channels.decideToolCalls(id, id, {
      decisions: [{ tool_call_id: id, decision: 'allow' }],
    }),
  list_agent_events: (o) => o.channels.listEvents(id, id, { after_sequence: 1, limit: 2 }),
  stream_agent_events: (o) => o.channels.stream(id, id, { since_id: id, after_sequence: 1 }),
  list_budgets: (o) => o.budgets.list({ ...page, subject_type: 'agent', subject_id: id }),
  create_budget: (o) => o.budgets.create(budget),
  get_budget: (o) => o.budgets.get(id),
  update_budget: (o) => o.budgets.update(id, { limit: 2 }),
  delete_budget: (o) => o.budgets.delete(id),
  top_up_budget: (o) => o.budgets.topUp(id, { amount: 1 }),
  list_budget_ledger: (o) => o.budgets.ledger(id, page),
  check_budget: (o) => o.budgets.check(id),
  list_session_budgets: (o) => o.sessions.budgets(id),
  check_session_budgets: (o) => o.sessions.budgetCheck(id),
  resume_session: (o) => o.sessions.resume(id),
  get_usage: (o) => o.usage.report({ ...page, ...ofUsage, group_by: ['day'] }),
  list_capabilities: (o) => o.capabilities.list({ ...page, search: 'x' }),
  list_harnesses: (o) => o.harnesses.list({ ...page, search: 'x', include_archived: true }),
  get_harness: (o) => o.harnesses.get(id),
  list_harness_examples: (o) => o.harnesses.examples(),
  get_capability: (o) => o.capabilities.get(id),
  list_sessions: (o) => o.sessions.list({ ...page, ...ofSessions, ...created }),
  list_waiting: (o) => o.waiting.list({ ...page, type: 'approval', agent_id: id, session_id: id }),
  create_session: (o) => o.sessions.create({ agent_id: id }),
  get_session: (o) => o.sessions.get(id),
  update_session: (o) => o.sessions.update(id, { title: 'New' }),
  delete_session: (o) => o.sessions.delete(id),
  get_session_stats: (o) => o.sessions.stats(),
  get_context_report: (o) => o.sessions.contextReport(id),
  pin_session: (o) => o.sessions.pin(id),
  unpin_session: (o) => o.sessions.unpin(id),
  preview_session: (o) => o.sessions.preview(id),
  cancel_turn: (o) => o.sessions.cancelTurn(id, { turnId: id }),
  export_session: (o) => o.sessions.export(id, { files: 'content' }),
  fork_session: (o) => o.sessions.fork(id),
  retake_message: (o) => o.sessions.retake(id, { message_id: id }),
  retry_session: (o) => o.sessions.retry(id),
  give_feedback: (o) => o.sessions.giveFeedback(id, { message_id: id, rating: 'up' }),
  create_message: (o) => o.messages.create(id, said),
  list_messages: (o) => o.messages.list(id, page),
  submit_tool_results: (o) => o.sessions.submitToolResults(id, tools),
  list_keys: (o) => o.sessions.listValues(id, page),
  list_secrets: (o) => o.sessions.listSecrets(id, page),
  batch_set_secrets: (o) => o.sessions.setSecrets(id, { secrets: { a: 'b' } }),
  decide_tool_calls: (o) =>
    o.sessions.decideToolCalls(id, { approvals: [{ tool_call_id: 'call', decision: 'deny' }] }),
  submit_tool_approvals: (o) =>
    o.sessions.submitToolApprovals(id, {
      decisions: [{ tool_call_id: 'call', decision: 'allow' }],
    }),
  list_tool_rules: (o) => o.sessions.listToolRules(id, page),
  delete_tool_rule: (o) => o.sessions.removeToolRule(id, id),
  submit_question_answers: [
    (o) => o.sessions.answerQuestions(id, { status: 'declined' }),
    (o) => o.session(id).answer({ status: 'declined' }),
  ],
  decide_tool_call: (o) => o.sessions.decideToolCall(id, 'call', { decision: 'approve' }),
  list_events: (o) => o.events.list(id, { ...place, ...search, limit: 2, expand: 'messages' }),
  summarize_events: (o) => o.events.summary(id),
  get_root: (o) => o.files.list(id, '/', { ...page, recursive: true }),
  get_path: [
    (o) => o.files.list(id, '/notes', { ...page, recursive: true }),
    (o) => o.files.read(id, '/notes.txt'),
  ],
  create_path: (o) => o.files.create(id, '/notes.txt', { content: 'x' }),
  update_path: (o) => o.files.update(id, '/notes.txt', { content: 'x' }),
  delete_path: (o) => o.files.delete(id, '/notes.txt', { recursive: true }),
  copy_file: (o) => o.files.copy(id, paths),
  stat_file: (o) => o.files.stat(id, '/a'),
  grep_files: (o) => o.files.grep(id, { pattern: 'x' }),
  move_file: (o) => o.files.move(id, paths),
  upload_image: (o) => o.images.create(new Blob(['x']), { filename: 'x.png', sessionId: id }),
  list_images: (o) => o.images.list(page),
  get_image: (o) => o.images.get(id),
  get_thumbnail: (o) => o.images.thumbnail(id),
  delete_image: (o) => o.images.delete(id),
  stream_sse: (o) => o.events.stream(id, { ...place, accumulated: true }),
  stream_changes: (o) => o.changes.stream(),
  create_share: (o) => o.sessions.createShare(id),
  list_shares: (o) => o.sessions.listShares(id, page),
  delete_share: (o) => o.sessions.revokeShare(id, 'share'),
  create_session_token: (o) => o.sessions.createToken(id),
  list_session_tokens: (o) => o.sessions.listTokens(id, page),
  delete_session_token: (o) => o.sessions.revokeToken(id, 'token'),
  create_token: (o) => o.tokens.create({ user: 'x' }),
  list_tokens: (o) => o.tokens.list({ ...page, user: 'x' }),
  delete_token: (o) => o.tokens.revoke('token'),
  export_end_user: (o) => o.endUsers.export({ user: 'x' }),
  delete_end_user: (o) => o.endUsers.delete({ user: 'x' }),
  list_schedules: (o) => o.schedules.list({ ...page, enabled: true, target_type: 'workflow' }),
  create_schedule: (o) => o.schedules.create({ name: 'x', cron_expression: '* * * * *', target }),
  get_schedule: (o) => o.schedules.get(id),
  update_schedule: (o) => o.schedules.update(id, { enabled: false }),
  delete_schedule: (o) => o.schedules.delete(id),
  pause_schedule: (o) => o.schedules.pause(id),
  resume_schedule: (o) => o.schedules.resume(id),
  trigger_schedule: (o) => o.schedules.trigger(id),
  list_schedule_executions: (o) => o.schedules.listExecutions(id, { ...page, status: 'failed' }),
  get_schedule_stats: (o) => o.schedules.getStats(id),
  list_alerts: (o) => o.alerts.list({ ...page, state: 'firing' }),
  create_alert: (o) => o.alerts.create({ name: 'x', metric: 'cost_usd', threshold: 1 }),
  get_alert: (o) => o.alerts.get(id),
  update_alert: (o) => o.alerts.update(id, { threshold: 2 }),
  delete_alert: (o) => o.alerts.delete(id),
  list_alert_firings: (o) => o.alerts.listFirings(id, page),
  get_execution: (o) => o.schedules.getExecution(id),
  list_providers: (o) => o.providers.list(page),
  create_provider: (o) => o.providers.create({ name: 'x', provider_type: 'llmsim' }),
  get_provider: (o) => o.providers.get(id),
  update_provider: (o) => o.providers.update(id, { name: 'y' }),
  delete_provider: (o) => o.providers.delete(id),
  sync_models: (o) => o.providers.syncModels(id),
  test_provider: (o) => o.providers.test(id),
  list_provider_models: (o) => o.providers.listModels(id, page),
  create_model: (o) => o.providers.createModel(id, { model_id: 'x', display_name: 'X' }),
  list_all_models: (o) =>
    o.models.list({ ...page, source: 'manual', include_stale: true, favorites_only: true }),
  get_model: (o) => o.models.get(id),
  update_model: (o) => o.models.update(id, { display_name: 'Y' }),
  delete_model: (o) => o.models.delete(id),
  list_mcp_servers: (o) => o.mcpServers.list(page),
  create_mcp_server: (o) => o.mcpServers.create({ name: 'x', url: 'https://mcp.example.com/' }),
  get_mcp_server: (o) => o.mcpServers.get(id),
  update_mcp_server: (o) => o.mcpServers.update(id, { name: 'y' }),
  delete_mcp_server: (o) => o.mcpServers.delete(id),
  test_mcp_server: (o) => o.mcpServers.test(id),
  list_webhooks: (o) => o.webhooks.list(page),
  create_webhook: (o) => o.webhooks.create({ url: 'x', events: ['turn.completed'] }),
  get_webhook: (o) => o.webhooks.get(id),
  update_webhook: (o) => o.webhooks.update(id, { enabled: false }),
  delete_webhook: (o) => o.webhooks.delete(id),
  rotate_webhook: (o) => o.webhooks.rotate(id, { overlap_hours: 1 }),
  test_webhook: (o) => o.webhooks.test(id),
  list_webhook_deliveries: (o) => o.webhooks.deliveries(id, { ...page, status: 'failed' }),
  resend_webhook_delivery: (o) => o.webhooks.resend(id, id),
  list_task_webhooks: (o) => o.taskWebhooks.list(page),
  create_task_webhook: (o) => o.taskWebhooks.create({ url: 'x' }),
  get_task_webhook: (o) => o.taskWebhooks.get(id),
  update_task_webhook: (o) => o.taskWebhooks.update(id, { enabled: false }),
  delete_task_webhook: (o) => o.taskWebhooks.delete(id),
  review_mcp_server: (o) => o.mcpServers.review(id, { tools_hash: 'x' }),
  get_auth_config: (o) => o.auth.getConfig(),
  login: (o) => o.auth.login(credentials),
  register: (o) => o.auth.register({ ...credentials, name: 'Ada' }),
  refresh: (o) => o.auth.refresh({ refresh_token: 'x' }),
  logout: (o) => o.auth.logout(),
  get_me: (o) => o.auth.getMe(),
  change_password: (o) => o.auth.changePassword({ current_password: 'x', new_password: 'y' }),
  begin_oauth: (o) => o.auth.oauthUrl('google'),
  finish_oauth: (o) => o.auth.oauthCallbackUrl('google'),
  list_api_keys: (o) => o.apiKeys.list(page),
  create_api_key: (o) => o.apiKeys.create({ name: 'x' }),
  delete_api_key: (o) => o.apiKeys.delete(id),
  list_accounts: (o) => o.accounts.list({ ...page, search: 'x' }),
  update_account: (o) => o.accounts.update(id, { disabled: true }),
  delete_organization: (o) => o.organizations.delete(id),
  list_all_organizations: (o) => o.organizations.listAll(page),
  delete_any_organization: (o) => o.organizations.deleteAny(id),
  delete_account: (o) => o.accounts.delete(id),
  delete_account_logins: (o) => o.accounts.endLogins(id),
  list_users: (o) => o.users.list({ ...page, search: 'x' }),
  switch_organization: (o) => o.users.switchOrganization({ org_id: id }),
  list_organizations: (o) => o.organizations.list(page),
  create_organization: (o) => o.organizations.create({ name: 'x' }),
  get_organization: (o) => o.organizations.get(id),
  update_organization: (o) => o.organizations.update(id, { name: 'y' }),
  list_members: (o) => o.organizations.listMembers(id, page),
  update_member: (o) => o.organizations.updateMember(id, 'user', { role: 'viewer' }),
  delete_member: (o) => o.organizations.deleteMember(id, 'user'),
  list_invitations: (o) => o.organizations.listInvitations(id, page),
  create_invitation: (o) => o.organizations.createInvitation(id, { email: 'bea@example.com' }),
  delete_invitation: (o) => o.organizations.deleteInvitation(id, 'invitation'),
  accept_invitation: (o) => o.organizations.acceptInvitation({ token: 'x' }),
  list_audit_log: (o) => o.audit.list({ ...page, ...span }),
  export_audit_log: (o) => o.audit.export(span),
  list_workflows: (o) =>
    o.workflows.list({ ...page, status: 'failed', session_id: id, agent_id: id, node: 'x' }),
  get_workflow: (o) => o.workflows.get(id),
  list_workflow_events: (o) => o.workflows.listEvents(id, page),
  cancel_workflow: (o) => o.workflows.cancel(id),
  retry_workflow: (o) => o.workflows.retry(id),
  explain_session: (o) => o.sessions.explain(id),
  get_durable_health: (o) => o.workers.getHealth(),
  get_turn_history: (o) => o.workers.getHistory({ minutes: 5 }),
  list_workers: (o) => o.workers.list(page),
  drain_worker: (o) => o.workers.drain(id),
  resume_worker: (o) => o.workers.resume(id),
}

/** Operations outside of `/v1`. */
const besides: Called[] = [(o) => o.health.get(), (o) => o.health.isReady()]

/** The client reads both forms of heartbeat, and there are no examples. */
const left = ['heartbeat', 'from-example']

let operations: Described[]
beforeAll(async (t) => {
  const server = await startServer(t as TestContext)
  const { paths } = (await server.call('GET', '/api-doc/openapi.json')).body
  operations = (await operationsOf(server)).map((one) => {
    const { requestBody, description } = paths[one.path][one.method.toLowerCase()]
    const answersSecret = description.includes('the response must not be stored')
    return { ...one, takesBody: requestBody !== undefined, answersSecret }
  })
})

/** A client whose requests are recorded and answered with an error. */
function record(status = 400) {
  const requests: Sent[] = []
  const called = new Set<string>()
  const client = createOutlast({
    url: 'http://outlast.invalid/prefix',
    fetch: async (input, init) => {
      const url = new URL(String(input))
      const { method, body } = init as { method: string; body: string | null }
      requests.push({
        method,
        path: url.pathname.replace('/prefix', ''),
        query: [...url.searchParams.keys()].sort(),
        body: body ?? undefined,
      })
      return Response.json({ error: 'Recorded.', code: 'recorded' }, { status })
    },
  })
  const watched = Object.entries(client).map(([noun, calls]) => {
    if (typeof calls !== 'object') return [noun, calls]
    const named = Object.entries(calls).map(([verb, call]) => [
      verb,
      (...args: unknown[]) => {
        called.add(`${noun}.${verb}`)
        return (call as (...args: unknown[]) => unknown)(...args)
      },
    ])
    return [noun, Object.fromEntries(named)]
  })
  return { client: Object.fromEntries(watched) as Outlast, requests, called }
}

/** Returns the request of a call. For an address, the request that a browser would send. */
async function sentBy({ client, requests }: ReturnType<typeof record>, call: Called) {
  const made = call(client)
  if (typeof made === 'string') {
    return { method: 'GET', path: made.split('/prefix')[1]!, query: [], body: undefined }
  }
  const first = requests.length
  const read = async () =>
    'next' in (made as object) ? (made as AsyncGenerator).next() : (made as PromiseLike<unknown>)
  await assert.rejects(read, (error) => isOutlastError(error, 'recorded'))
  assert.equal(requests.length, first + 1)
  return requests[first]!
}

const templateOf = (path: string) =>
  new RegExp(`^${path.replace('/fs/{path}', '/fs/{file}').replace(/\{\w+\}/g, '[^/]+')}$`)

test('has a method for every operation, and an operation for every method', async () => {
  expectComplete(methods, operations)
  const recording = record()
  for (const operation of operations) {
    for (const call of [methods[operation.id]!].flat()) {
      const sent = await sentBy(recording, call)
      const of = `${operation.id}: ${JSON.stringify(sent)}`
      assert.equal(sent.method, operation.method, of)
      assert.match(sent.path, templateOf(operation.path), of)
      assert.equal(sent.body !== undefined, operation.takesBody, of)
    }
  }
  for (const call of besides) await sentBy(recording, call)
  const all = Object.entries(recording.client).flatMap(([noun, calls]) =>
    typeof calls === 'object' ? Object.keys(calls).map((verb) => `${noun}.${verb}`) : [],
  )
  assert.deepEqual([...recording.called].sort(), all.sort())
})

test('sends every query parameter of the document and no other', async () => {
  const recording = record()
  for (const { id, query } of operations) {
    const sent = await sentBy(recording, [methods[id]!].flat()[0]!)
    const known = query.filter((name) => !left.includes(name))
    assert.deepEqual(sent.query, known.sort(), id)
  }
})

test('sends a request whose response has a secret once, as a second one would make another', async () => {
  const recording = record(502)
  for (const { id } of operations.filter(({ answersSecret }) => answersSecret)) {
    for (const call of [methods[id]!].flat()) await sentBy(recording, call)
  }
  assert.ok(recording.called.has('agentChannels.rotateKey'))
})

test('refuses an id that would change the path, before sending', () => {
  const { client, requests } = record()
  for (const bad of ['', '.', '..']) assert.throws(() => client.agents.get(bad), TypeError)
  assert.throws(() => client.files.read(id, '/notes/../../x'), TypeError)
  assert.deepEqual(requests, [])
})

test('sends file names unchanged', async () => {
  const recording = record()
  const sent = await sentBy(recording, (o) => o.files.read(id, '/a b/ü?#%.txt'))
  assert.equal(decodeURIComponent(sent.path), `/v1/sessions/${id}/fs/a b/ü?#%.txt`)
})
