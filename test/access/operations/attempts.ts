/** Attempts of one organization to reach resources of another, for each operation by its id. */

import {
  type Attempt,
  byPath,
  inOrganization,
  missing,
  nothing,
  ownOnly,
  type Row,
} from './attempt-rows.ts'
import { bodies, type Things } from './bodies.ts'
import { budgetAttempts } from './budget-attempts.ts'
import { channelOperations } from './operation-sets.ts'
import { webhookAttempts } from './webhook-attempts.ts'

const forOperators: [number, string] = [403, 'forbidden']
const noModel: [number, string] = [400, 'model_unavailable']
const noCapability: [number, string] = [400, 'capability_unknown']
const noImage: [number, string] = [400, 'image_unknown']
const noEvent: [number, string] = [400, 'unknown_event_id']

const withModel = (body: object, { model_id }: Things) => ({ ...body, default_model_id: model_id })

/** Calls a tool of the other organization's MCP server. */
const using = ({ capability_id: ref }: Pick<Things, 'capability_id'>) => ({
  capabilities: [{ ref }],
})

/** Each way in which a client names the position at which it resumes. */
const resuming: Row['attempts'] = (theirs, own) => {
  const { event_id } = theirs
  const ways = [{ query: `since_id=${event_id}` }, { headers: { 'last-event-id': event_id } }]
  return [
    { answer: missing },
    { answer: missing, query: `since_id=${own.event_id}` },
    ...ways.flatMap((way): Attempt[] => [
      { ...way, answer: missing },
      { ...way, path: own, answer: noEvent },
    ]),
  ]
}

/** Callers with a key of the channel: see the tests of channels. */
const ofChannel = 'it accepts a key of the channel only, which names no organization'

export const table: Record<string, Row> = {
  ...Object.fromEntries(channelOperations.map((id) => [id, nothing(ofChannel)])),
  list_agents: ownOnly(({ word }) => `search=${word}&include_archived=true`),
  create_agent: {
    attempts: (theirs, own) => [
      { body: withModel(bodies.create_agent!(own) as object, theirs), answer: noModel },
      {
        body: { ...(bodies.create_agent!(own) as object), ...using(theirs) },
        answer: noCapability,
      },
    ],
  },
  import_agent: {
    attempts: ({ model_id }) => [
      { body: { system_prompt: 'New.', default_model_id: model_id }, answer: noModel },
    ],
  },
  check_agent_name: nothing(
    'names are per organization; see the tests of agent names',
    ({ word, agent_id }) => [
      { query: `name=${word}`, answer: [200] },
      { query: `name=${word}&exclude_id=${agent_id}`, answer: [200] },
    ],
  ),
  get_agent: byPath(),
  copy_agent: byPath(),
  get_agent_stats: byPath(),
  export_agent: byPath(),
  put_agent: {
    attempts: (theirs, own) =>
      [own, theirs].map((path) => ({
        path,
        body: withModel(bodies.put_agent!(own) as object, theirs),
        answer: noModel,
      })),
  },
  update_agent: {
    attempts: (theirs, own) => [
      { body: { name: 'Changed' }, answer: missing },
      { body: { status: 'active' }, answer: missing },
      { path: own, body: withModel({}, theirs), answer: noModel },
      { path: own, body: using(theirs), answer: noCapability },
    ],
  },
  delete_agent: byPath(),
  preview_agent: {
    attempts: (theirs) => [
      { body: withModel({}, theirs), answer: noModel },
      { body: using(theirs), answer: noCapability },
      { body: { session: using(theirs) }, answer: noCapability },
      { body: { session: { model_id: theirs.model_id } }, answer: noModel },
    ],
  },
  preview_session: byPath(),
  get_session_stats: nothing('it counts only the sessions of the caller', () => [
    { answer: [200] },
  ]),
  get_context_report: byPath(),
  summarize_events: byPath(),
  pin_session: byPath(),
  unpin_session: byPath(),
  get_root: byPath(),
  get_path: byPath(),
  create_path: byPath(bodies.create_path),
  update_path: byPath(bodies.update_path),
  delete_path: byPath(),
  move_file: byPath(bodies.move_file),
  copy_file: byPath(bodies.copy_file),
  stat_file: byPath(bodies.stat_file),
  grep_files: byPath(bodies.grep_files),
  list_agent_channels: byPath(),
  create_agent_channel: byPath(bodies.create_agent_channel),
  get_agent_channel: byPath(),
  update_agent_channel: byPath(() => ({ enabled: false })),
  delete_agent_channel: byPath(),
  list_agent_tool_rules: byPath(),
  delete_agent_tool_rule: byPath(),
  publish_agent_channel: byPath(),
  unpublish_agent_channel: byPath(),
  list_agent_keys: byPath(),
  create_agent_key: byPath(bodies.create_agent_key),
  rotate_agent_key: byPath(bodies.rotate_agent_key),
  revoke_agent_key: byPath(),
  list_capabilities: ownOnly(),
  get_capability: byPath(),
  list_harnesses: nothing('all organizations have the same one', () => [{ answer: [200] }]),
  get_harness: nothing('all organizations have the same one'),
  list_harness_examples: nothing('all organizations have the same ones'),
  list_sessions: ownOnly(
    ({ agent_id }) => `agent_id=${agent_id}`,
    ({ word }) => `search=${word}`,
    ({ word }) => `q=${word}`,
    ({ session_id }) => `forked_from=${session_id}`,
    ({ agent_id }) => `agent_id=${agent_id}&sort=last_activity`,
    ({ word }) => `tag=${word}`,
    ({ word }) => `user=${word}`,
    ({ agent_id }) => `agent_id=${agent_id}&pinned=false`,
    ({ agent_id }) => `agent_id=${agent_id}&status=idle&limit=1`,
  ),
  list_waiting: ownOnly(
    ({ agent_id }) => `agent_id=${agent_id}`,
    ({ session_id }) => `session_id=${session_id}`,
    () => 'type=approval',
  ),
  create_session: {
    attempts: ({ agent_id, model_id, ...theirs }, own) => [
      { body: { agent_id }, answer: missing },
      { body: { agent_id, model_id }, answer: missing },
      { body: { agent_name: theirs.word }, answer: missing },
      { body: { agent_id: own.agent_id, model_id }, answer: noModel },
      { body: { agent_id: own.agent_id, ...using(theirs) }, answer: noCapability },
    ],
  },
  get_session: byPath(),
  export_session: byPath(),
  retry_session: byPath(),
  give_feedback: byPath(bodies.give_feedback),
  retake_message: byPath(bodies.retake_message),
  fork_session: {
    attempts: ({ event_id, model_id }, own) => [
      { answer: missing },
      { body: { at_sequence: 1 }, answer: missing },
      { body: { event_id }, answer: missing },
      { body: { event_id: own.event_id }, answer: missing },
      { path: own, body: { event_id }, answer: noEvent },
      { path: own, body: { model_id }, answer: noModel },
    ],
  },
  update_session: byPath(() => ({ title: 'Changed' })),
  delete_session: byPath(),
  cancel_turn: byPath(),
  submit_tool_results: byPath(bodies.submit_tool_results),
  decide_tool_calls: byPath(bodies.decide_tool_calls),
  submit_tool_approvals: byPath(bodies.submit_tool_approvals),
  list_tool_rules: byPath(),
  delete_tool_rule: byPath(),
  submit_question_answers: byPath(bodies.submit_question_answers),
  decide_tool_call: byPath(bodies.decide_tool_call),
  create_message: {
    attempts: ({ image_id }, own) => [
      ...['steer', 'queue', 'interrupt', 'reject'].map((on_busy) => ({
        body: { message: { content: [{ type: 'text', text: 'Hello' }] }, on_busy },
        answer: missing,
      })),
      {
        path: own,
        body: { message: { content: [{ type: 'image_file', image_id }] } },
        answer: noImage,
      },
    ],
  },
  list_messages: byPath(),
  list_events: { attempts: resuming },
  stream_sse: { attempts: resuming },
  stream_changes: nothing("it lists only the caller's own; see the tests of changes", () => [
    { answer: [200] },
  ]),
  list_keys: byPath(),
  list_secrets: byPath(),
  batch_set_secrets: byPath(bodies.batch_set_secrets),
  create_share: byPath(() => ({})),
  list_shares: byPath(),
  delete_share: byPath(),
  create_session_token: byPath(() => ({ access: 'write' })),
  list_session_tokens: byPath(),
  delete_session_token: byPath(),
  create_token: {
    attempts: ({ agent_id, model_id }) => [
      { body: { user: 'ada', agent_ids: [agent_id] }, answer: missing },
      { body: { user: 'ada', access: 'write', models: [model_id] }, answer: noModel },
    ],
  },
  list_tokens: ownOnly(({ word }) => `user=${word}.guest`),
  delete_token: byPath(),
  export_end_user: nothing("it exports only the caller's own", () => [{ answer: [200] }]),
  delete_end_user: nothing("it deletes only the caller's own", () => [{ answer: [200] }]),
  list_providers: ownOnly(),
  create_provider: nothing('a provider refers to nothing'),
  get_provider: byPath(),
  update_provider: byPath(() => ({ name: 'Taken over' })),
  delete_provider: byPath(),
  sync_models: byPath(),
  test_provider: {
    attempts: ({ model_id }, own) => [
      { body: {}, answer: missing },
      { body: { model_id }, answer: missing },
      { path: own, body: { model_id }, answer: noModel },
    ],
  },
  list_mcp_servers: ownOnly(),
  create_mcp_server: nothing('an MCP server refers to nothing'),
  get_mcp_server: byPath(),
  update_mcp_server: byPath(() => ({ status: 'disabled' })),
  delete_mcp_server: byPath(),
  test_mcp_server: byPath(),
  review_mcp_server: byPath(() => ({ tools_hash: '0'.repeat(64) })),
  ...webhookAttempts,
  list_provider_models: byPath(),
  create_model: byPath(bodies.create_model),
  list_all_models: ownOnly(),
  get_model: byPath(),
  update_model: byPath(() => ({ display_name: 'Taken over', is_default: true })),
  delete_model: byPath(),
  get_auth_config: nothing('the same for all organizations', () => [{ answer: [200] }]),
  login: nothing('it names a user, not an organization; see the tests of credentials'),
  register: {
    attempts: ({ invitation_token: invitation }) => [
      { body: { ...registration, invitation }, answer: missing },
    ],
  },
  refresh: nothing('it needs only a secret of one user; see the tests of credentials'),
  logout: nothing('it ends the sign-in of the given tokens'),
  get_me: nothing('it returns the caller', () => [{ answer: [200] }]),
  change_password: nothing('it changes the caller'),
  begin_oauth: nothing('no user has signed in yet'),
  finish_oauth: nothing('no user has signed in yet'),
  list_api_keys: ownOnly(),
  create_api_key: nothing('a key refers to nothing'),
  delete_api_key: byPath(),
  list_accounts: nothing('accounts require the operator', () => [{ answer: forOperators }]),
  update_account: nothing('accounts require the operator', () => [{ answer: forOperators }]),
  delete_account: nothing('accounts require the operator', () => [{ answer: forOperators }]),
  delete_account_logins: nothing('accounts require the operator', () => [{ answer: forOperators }]),
  list_users: ownOnly(({ word }) => `search=${word}`),
  switch_organization: {
    usersOnly: true,
    attempts: ({ org_id }) => [{ body: { org_id }, answer: missing }],
  },
  list_organizations: ownOnly(),
  create_organization: nothing('an organization refers to nothing'),
  get_organization: byPath(),
  update_organization: byPath(() => ({ name: 'Changed' })),
  delete_organization: byPath(),
  list_all_organizations: nothing('it requires the operator', () => [{ answer: forOperators }]),
  delete_any_organization: nothing('it requires the operator', () => [{ answer: forOperators }]),
  list_members: byPath(),
  update_member: inOrganization({ role: 'viewer' }),
  delete_member: inOrganization(),
  list_invitations: byPath(),
  create_invitation: byPath(() => ({ email: 'somebody@example.com', role: 'owner' })),
  delete_invitation: inOrganization(),
  accept_invitation: {
    usersOnly: true,
    attempts: ({ invitation_token: token }) => [{ body: { token }, answer: missing }],
  },
  upload_image: {
    attempts: ({ session_id }, own) => [
      { query: `session_id=${session_id}`, body: bodies.upload_image!(own), answer: missing },
    ],
  },
  list_images: ownOnly(),
  get_image: byPath(),
  get_thumbnail: byPath(),
  delete_image: byPath(),
  list_schedules: ownOnly(),
  create_schedule: {
    attempts: (theirs, own) =>
      targets(theirs, own).map(([target, answer]) => ({
        body: { ...(bodies.create_schedule!(own) as object), ...target },
        answer,
      })),
  },
  get_schedule: byPath(),
  update_schedule: {
    attempts: (theirs, own) => [
      { body: { enabled: false }, answer: missing },
      ...targets(theirs, own).map(([body, answer]) => ({ path: own, body, answer })),
    ],
  },
  delete_schedule: byPath(),
  pause_schedule: byPath(),
  resume_schedule: byPath(),
  trigger_schedule: byPath(),
  list_schedule_executions: byPath(),
  get_schedule_stats: byPath(),
  get_execution: byPath(),
  ...budgetAttempts,
  list_alerts: ownOnly(),
  create_alert: {
    attempts: ({ agent_id }, own) => [
      { body: { ...(bodies.create_alert!(own) as object), agent_id }, answer: missing },
    ],
  },
  get_alert: byPath(),
  update_alert: byPath(() => ({ threshold: 2 })),
  delete_alert: byPath(),
  list_alert_firings: byPath(),
  get_durable_health: nothing("it counts only the caller's own", () => [{ answer: [200] }]),
  list_workflows: ownOnly(
    ({ agent_id }) => `agent_id=${agent_id}`,
    ({ agent_id }) => `status=failed&agent_id=${agent_id}`,
  ),
  get_workflow: byPath(),
  list_workflow_events: byPath(),
  cancel_workflow: byPath(),
  retry_workflow: byPath(),
  explain_session: byPath(),
  get_turn_history: nothing('nodes are shared by all', () => [{ answer: forOperators }]),
  list_workers: nothing('nodes are shared by all', () => [{ answer: forOperators }]),
  drain_worker: nothing('nodes are shared by all', () => [{ answer: forOperators }]),
  resume_worker: nothing('nodes are shared by all', () => [{ answer: forOperators }]),
  list_audit_log: ownOnly(
    ({ agent_id }) => `target=${agent_id}`,
    ({ user_id }) => `actor_id=${user_id}`,
  ),
  export_audit_log: ownOnly(
    ({ agent_id }) => `target=${agent_id}`,
    ({ user_id }) => `actor_id=${user_id}`,
  ),
}

const invalid: [number, string] = [400, 'invalid_request']

const targetOf = (name: string, input: object) => ({
  target: { type: 'workflow', name, input: { text: 'Hello', ...input } },
})

/** Schedules that would act on resources of the other organization. */
const targets = ({ session_id, agent_id, model_id }: Things, own: Things) => [
  [targetOf('send_message', { session_id }), invalid] as const,
  [targetOf('start_session', { agent_id }), invalid] as const,
  [targetOf('start_session', { agent_id: own.agent_id, model_id }), noModel] as const,
]

const registration = { email: 'thief@example.com', password: 'a long password', name: 'Thief' }
