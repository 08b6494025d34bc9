/** Operations of the OpenAPI document that tests treat alike. */

/** Shared by all organizations: open to the operator only. */
export const operatorsOnly = new Set([
  'list_accounts',
  'update_account',
  'delete_account',
  'delete_account_logins',
  'list_all_organizations',
  'delete_any_organization',
  'get_turn_history',
  'list_workers',
  'drain_worker',
  'resume_worker',
])

/** Operations of the callers of channels. */
export const channelOperations = [
  'get_agent_card',
  'create_runtime_token',
  'create_agent_session',
  'list_agent_sessions',
  'get_agent_session',
  'send_agent_message',
  'cancel_agent_session',
  'answer_agent_questions',
  'decide_agent_tool_calls',
  'list_agent_events',
  'stream_agent_events',
]

/** Operations that never succeed: there are no thumbnails. */
export const unsuccessful = new Set(['get_thumbnail'])

/** Operations on calls that wait and on rules. The organizations of the tests have none of them. */
export const unprepared = new Set([
  'delete_agent_tool_rule',
  'delete_tool_rule',
  'list_waiting',
  'submit_question_answers',
  'submit_tool_approvals',
])

/** Responses that last as long as the connection. */
export const endless = new Set(['stream_sse', 'stream_changes', 'stream_agent_events'])

/** Requests that are open to a session token. */
export const forTokens = new Set([
  'get_session',
  'explain_session',
  'list_session_budgets',
  'check_session_budgets',
  'cancel_turn',
  'decide_tool_call',
  'decide_tool_calls',
  'submit_tool_approvals',
  'retry_session',
  'give_feedback',
  'update_session',
  'delete_session',
  'submit_tool_results',
  'submit_question_answers',
  'create_message',
  'list_messages',
  'list_events',
  'stream_sse',
  'get_root',
  'get_path',
  'create_path',
  'update_path',
  'delete_path',
  'move_file',
  'copy_file',
  'stat_file',
  'grep_files',
])
