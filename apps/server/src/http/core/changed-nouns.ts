import { type Change, changeNouns } from '@outlast/contract'

type ChangeNoun = Change['noun']
type NounChange = { noun: ChangeNoun | 'session'; id: string | null }

/** Nouns of operations whose names do not contain them. Undefined: no listed resource changes. */
const named: Record<string, ChangeNoun | undefined> = {
  create_api_key: 'key',
  delete_api_key: 'key',
  accept_invitation: 'member',
  update_account: 'member',
  delete_account: 'member',
  delete_account_logins: undefined,
  delete_any_organization: 'organization',
  sync_models: 'provider',
  create_share: undefined,
  delete_share: undefined,
  create_session_token: undefined,
  delete_session_token: undefined,
  create_token: undefined,
  delete_token: undefined,
  create_agent_key: undefined,
  rotate_agent_key: undefined,
  revoke_agent_key: undefined,
  // Its handler also notifies followers of the session.
  delete_session: undefined,
  top_up_budget: 'budget',
  resume_session: undefined,
  change_password: undefined,
  batch_set_secrets: undefined,
  // The events of the session report these.
  decide_tool_call: undefined,
  decide_tool_calls: undefined,
  submit_tool_approvals: undefined,
  submit_question_answers: undefined,
  delete_tool_rule: undefined,
  delete_agent_tool_rule: 'agent',
  create_task_webhook: 'webhook',
  update_task_webhook: 'webhook',
  delete_task_webhook: 'webhook',
  // Its outcome is read again, as those of all deliveries.
  resend_webhook_delivery: undefined,
  retry_workflow: undefined,
}

/** Second nouns of operations that change two kinds of resources. */
const besides: Record<string, ChangeNoun> = {
  accept_invitation: 'invitation',
  sync_models: 'model',
  delete_provider: 'model',
  resume_session: 'budget',
}

/** Nouns whose ids are not published: users list only their own keys. */
const nameless = new Set<string>(['key'])

function nounOf(operation: string): NounChange['noun'] | undefined {
  if (operation in named) return named[operation]
  const word = operation.slice(operation.indexOf('_') + 1)
  const noun = [...changeNouns, 'session' as const].find((one) => one === word)
  if (!noun) throw new Error(`${operation} has no changed noun: add it to changed-nouns.ts.`)
  return noun
}

/** The changes of an operation on a target. Contract: throws for an unknown operation. */
export function changesOfOperation(operation: string, target: string | null): NounChange[] {
  const noun = nounOf(operation)
  const other = besides[operation]
  return [
    ...(noun ? [{ noun, id: nameless.has(noun) ? null : target }] : []),
    ...(other ? [{ noun: other, id: null }] : []),
  ]
}
