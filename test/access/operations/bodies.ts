/** Resources of an organization, and a valid body for every operation that takes one. */
import { randomUUID } from 'node:crypto'
import { formOf, pngOf } from '../../../apps/server/test/pictures.ts'
import { webhookBodies } from './webhooks.ts'

/** The resources of one organization, by the names of path parameters. */
export type Things = {
  org_id: string
  agent_id: string
  session_id: string
  provider_id: string
  model_id: string
  server_id: string
  /** Their MCP server, by the name that agents use. */
  capability_id: string
  key_id: string
  /** A live channel of the agent, and a key of it. */
  channel_id: string
  agent_key_id: string
  /** A member without the role of an owner. */
  user_id: string
  invitation_id: string
  invitation_token: string
  event_id: string
  /** A message of the user in the session. */
  message_id: string
  /** The id of a session token, not the token. */
  token_id: string
  /** The id of a link to the session. */
  share_id: string
  /** The id of a token of an end user. */
  user_token_id: string
  schedule_id: string
  webhook_id: string
  task_webhook_id: string
  /** The id of an event that the webhook should receive. */
  delivery_id: string
  image_id: string
  budget_id: string
  execution_id: string
  alert_id: string
  /** A turn of another session that failed permanently. */
  turn_id: string
  /** A file of the session. */
  path: string
  /** Part of every name and text. */
  word: string
}

const text = (value: string) => ({ content: [{ type: 'text', text: value }] })

export const usdBudget = { subject_type: 'agent', currency: 'usd', limit: 1_000 }

/** A valid body for every operation that takes one. */
export const bodies: Record<string, (own: Things) => unknown> = {
  create_agent: () => ({ name: 'New', system_prompt: 'New.' }),
  import_agent: () => ({ name: 'New', system_prompt: 'New.' }),
  put_agent: () => ({ name: 'Put', system_prompt: 'Put.' }),
  update_agent: () => ({ name: 'Changed' }),
  preview_agent: () => ({ system_prompt: 'New.' }),
  create_path: () => ({ content: 'New' }),
  update_path: () => ({ content: 'Changed' }),
  move_file: ({ path }) => ({ src_path: path, dst_path: `${path}.moved` }),
  copy_file: ({ path }) => ({ src_path: path, dst_path: `${path}.copy` }),
  stat_file: ({ path }) => ({ path }),
  grep_files: ({ word }) => ({ pattern: word }),
  upload_image: () => formOf(pngOf(1, 1)),
  create_session: ({ agent_id }) => ({ agent_id }),
  create_agent_channel: () => ({ channel_type: 'api' }),
  update_agent_channel: () => ({ enabled: true }),
  create_agent_key: () => ({ name: 'New' }),
  rotate_agent_key: () => ({}),
  create_agent_session: () => ({}),
  answer_agent_questions: () => ({ answers: [{ id: 'q1', selected: ['x'] }] }),
  decide_agent_tool_calls: () => ({ decisions: [{ tool_call_id: 'call_1', decision: 'allow' }] }),
  send_agent_message: () => ({ message: { role: 'user', ...text('Hello') } }),
  fork_session: () => ({}),
  retake_message: ({ message_id }) => ({ message_id }),
  give_feedback: ({ message_id }) => ({ message_id, rating: 'down', comment: 'Wrong.' }),
  update_session: () => ({ title: 'Changed' }),
  create_message: () => ({ message: text('Hello') }),
  submit_tool_results: () => ({ tool_results: [{ tool_call_id: 'call_1', result: 'New' }] }),
  decide_tool_calls: () => ({ approvals: [{ tool_call_id: 'call_1', decision: 'deny' }] }),
  submit_tool_approvals: () => ({ decisions: [{ tool_call_id: 'call_1', decision: 'reject' }] }),
  submit_question_answers: () => ({ tool_call_id: 'call_1', status: 'declined' }),
  decide_tool_call: () => ({ decision: 'deny' }),
  batch_set_secrets: () => ({ secrets: { new: 'secret' } }),
  create_share: () => ({ name: 'Review' }),
  create_session_token: () => ({ access: 'read' }),
  create_token: ({ word }) => ({ user: word }),
  create_provider: () => ({ name: 'New', provider_type: 'llmsim' }),
  update_provider: () => ({ name: 'Changed' }),
  test_provider: () => ({}),
  create_mcp_server: () => ({ name: `New ${randomUUID()}`, url: 'https://mcp.example.com/' }),
  update_mcp_server: () => ({ description: 'Changed' }),
  review_mcp_server: () => ({ tools_hash: '0'.repeat(64) }),
  ...webhookBodies,
  create_model: () => ({ model_id: 'new', display_name: 'New' }),
  update_model: () => ({ display_name: 'Changed' }),
  login: () => ({ email: 'nobody@example.com', password: 'a long password' }),
  register: () => ({ email: 'new@example.com', password: 'a long password', name: 'New' }),
  refresh: () => ({ refresh_token: 'none' }),
  change_password: () => ({ current_password: 'wrong', new_password: 'a long password' }),
  create_api_key: () => ({ name: 'New' }),
  switch_organization: ({ org_id }) => ({ org_id }),
  create_organization: () => ({ name: 'New' }),
  update_organization: () => ({ name: 'Changed' }),
  update_member: () => ({ role: 'viewer' }),
  create_invitation: () => ({ email: 'invited@example.com' }),
  create_schedule: ({ session_id }) => ({
    name: `New ${Math.random()}`,
    cron_expression: '0 0 29 2 *',
    target: { type: 'workflow', name: 'send_message', input: { session_id, text: 'New' } },
  }),
  update_schedule: () => ({ description: 'Changed' }),
  create_budget: ({ agent_id }) => ({ ...usdBudget, subject_id: agent_id }),
  update_budget: () => ({ limit: 20 }),
  top_up_budget: () => ({ amount: 1 }),
  create_alert: ({ agent_id }) => ({ name: 'New', metric: 'cost_usd', agent_id, threshold: 1 }),
  update_alert: () => ({ threshold: 2 }),
  accept_invitation: ({ invitation_token }) => ({ token: invitation_token }),
}
