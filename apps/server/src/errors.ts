import { STATUS_CODES } from 'node:http'
import type { ErrorDetail, ErrorResponse } from '@outlast/contract'

/** All errors of the API: `[status, sentence]`. The thrower supplies `%s`. */
export const catalogue = {
  invalid_request: [400, 'Invalid request: %s'],
  too_many_parameters: [400, 'A query must have at most %s parameters.'],
  unknown_field: [400, 'Unknown field: %s'],
  invalid_change_reason: [400, 'Everruns-Change-Reason %s.'],
  invalid_json: [400, 'The body is not valid JSON.'],
  invalid_id: [400, 'Invalid %s'],
  unknown_event_id: [400, 'The session has no event with this ID.'],
  unknown_sequence: [400, 'The session has no event %s.'],
  invalid_cron: [400, 'Invalid cron expression: %s'],
  invalid_output_schema: [400, 'The output schema is invalid: %s'],
  invalid_target_type: [400, "Invalid target type. Must be 'workflow' or 'activity'"],
  session_widens_agent: [400, 'A session cannot exceed the settings of its agent: see %s.'],
  capability_unknown: [
    400,
    'Capability %s does not exist. GET /v1/capabilities lists all capabilities.',
  ],
  image_unknown: [400, 'Image %s does not exist.'],
  file_unsupported: [
    400,
    'A file in a message must be an image or a text file, not %s. Upload others to the session.',
  ],
  not_an_image: [400, 'The file must be a PNG, JPEG, GIF or WebP image: %s.'],
  model_unavailable: [400, 'Model %s does not exist or is disabled.'],
  secret_needed_again: [400, 'A new address requires its secrets in the same request: %s.'],
  mcp_server_exists: [400, 'An MCP server named %s already exists.'],
  mcp_servers_full: [400, 'An organization can have at most %s MCP servers.'],
  feedback_full: [400, 'A session can have at most %s ratings.'],
  tool_rules_full: [400, 'An agent can have at most %s tool rules. Remove one first.'],
  encryption_not_configured: [400, 'Encryption not configured. Cannot store %s.'],
  question_not_named: [400, 'Several calls ask questions: name one by `tool_call_id`: %s.'],
  question_unknown: [400, 'The question %s was not asked.'],
  question_repeated: [400, 'The question %s has two answers.'],
  question_unanswered: [400, 'The question %s has no answer.'],
  option_not_offered: [400, 'The question %s does not offer this option.'],
  answer_invalid: [400, 'Invalid answer: %s.'],
  answer_too_long: [400, 'An answer must have at most %s characters.'],
  answer_is_credential: [
    400,
    'The answer to %s looks like a credential. Answers are stored in the log: store a secret instead.',
  ],
  secret_not_stored: [
    400,
    'The session has no secret %s. Store it first, or send it as `secret` of the answer.',
  ],
  secret_hidden: [
    400,
    'A person gave the secret %s as an answer, so it is not shown to the model. Pass it as a `secret_ref` to a tool that accepts one.',
  ],
  secret_missing: [400, 'The session has no secret %s.'],
  secret_not_allowed: [
    400,
    'The secret %s is not declared for this place in the config of the capability.',
  ],
  secret_unusable: [400, 'The secret %s.'],
  invalid_path: [400, 'Invalid path: %s'],
  reserved_path: [400, "Paths starting with '_' are reserved for system actions"],
  root_path: [400, 'Cannot %s'],
  path_is_file: [400, 'A file exists at path: %s'],
  path_is_directory: [400, 'Cannot update directory: %s'],
  path_in_itself: [400, 'Cannot move into itself: %s'],
  directory_not_copied: [400, 'Cannot copy directories: %s'],
  directory_not_empty: [400, 'Directory is not empty. Use recursive=true to delete'],
  not_a_file: [400, '%s is a directory'],
  not_a_directory: [400, 'Not a directory: %s'],
  file_readonly: [400, 'Cannot modify readonly file: %s'],
  invalid_base64: [400, 'The content is not valid base64.'],
  invalid_regex: [400, 'Invalid regex: %s'],
  secrets_unavailable: [
    400,
    'Secrets cannot be stored: the server has no master key. Set SECRETS_ENCRYPTION_KEY.',
  ],
  secret_unreadable: [400, 'The secret cannot be decrypted: %s.'],
  invalid_agent_file: [400, 'The file is not a valid agent: %s'],
  system_prompt_required: [
    400,
    'System prompt is required (provide in front matter or as markdown body)',
  ],
  end_user_required: [400, 'A runtime token needs an end user: send the header End-User.'],
  unauthenticated: [401, 'Authentication required'],
  invalid_token: [401, 'Invalid or expired token'],
  invalid_api_key_format: [401, 'Invalid API key format'],
  invalid_api_key: [401, 'Invalid API key'],
  api_key_expired: [401, 'API key expired'],
  api_key_without_user: [401, 'User not found for API key'],
  key_in_query: [401, 'Send an API key in the Authorization header, not in the query.'],
  invalid_login: [401, 'Invalid email or password'],
  invalid_refresh_token: [401, 'Invalid refresh token'],
  refresh_token_expired: [401, 'Refresh token expired'],
  email_taken: [401, 'Email already registered'],
  verification_failed: [401, 'The caller could not be verified.'],
  organization_missing: [401, 'Missing X-Org-Id header or org_id query param'],
  invalid_organization_id: [401, 'Invalid organization ID format'],
  oauth_provider_unknown: [401, 'Unknown OAuth provider'],
  oauth_not_configured: [401, '%s OAuth not configured'],
  oauth_failed: [401, 'The sign-in with %s failed. Try again.'],
  oauth_state_invalid: [
    401,
    'This sign-in has expired, was used before, or was not started here. Sign in again.',
  ],
  registration_disabled: [403, 'Registration is disabled'],
  password_registration_disabled: [403, 'Password registration is disabled'],
  password_login_disabled: [403, 'Sign-in with a password is disabled.'],
  account_disabled: [403, 'This account is disabled. Ask the operator of the server.'],
  email_not_allowed: [403, 'Only users with an email address at an allowed domain may sign in.'],
  forbidden: [403, 'This requires %s access.'],
  not_granted: [403, 'The token does not grant %s.'],
  users_only: [403, 'This requires a signed-in user, not a key or a token.'],
  account_required: [
    403,
    'This requires an account of this server, which users of the product and the server do not have.',
  ],
  keys_nested_too_deep: [403, 'A key can have at most %s keys between itself and its user.'],
  user_mismatch: [403, 'The signed-in user is not the one in the Outlast-User header.'],
  retention_too_short: [
    400,
    '`retention_days` of an organization must be 0 or at least %s, the minimum for audit entries. Set a shorter retention on agents.',
  ],
  harness_built_in: [
    403,
    'The built-in harness is the only one. Put prompts and capabilities on agents.',
  ],
  quota_exceeded: [403, 'The organization has reached its quota of %s.'],
  host_not_allowed: [
    403,
    'The Host header is not allowed: use a loopback name, or add the host to ALLOWED_HOSTS.',
  ],
  metrics_private: [
    403,
    'Metrics require METRICS_TOKEN, or a loopback address where AUTH_MODE is none.',
  ],
  origin_not_allowed: [403, 'Requests from pages of another origin are refused.'],
  end_user_not_allowed: [
    403,
    'End-User needs a key with the permission end_user, and 1 to 256 characters without blanks at an end.',
  ],
  approvals_by_operator: [403, 'Only operators decide on the tool calls of this channel.'],
  channel_closed: [403, 'The channel does not accept requests.'],
  not_found: [404, '%s not found'],
  file_not_found: [404, 'File not found: %s'],
  path_not_found: [404, 'Path not found: %s'],
  source_not_found: [404, 'Source not found: %s'],
  route_not_found: [404, 'The path %s does not exist.'],
  method_not_allowed: [
    405,
    '%s is not supported here. The Allow header lists the supported methods.',
  ],
  request_timeout: [408, 'The request took too long to arrive.'],
  grep_timeout: [408, 'The search did not end within %s s. Search in fewer files.'],
  agent_in_use: [
    409,
    'Agent %s is active or has sessions. Archive it and delete its sessions first.',
  ],
  agent_from_file: [
    409,
    'The agent is defined by the file %s of the project. Change that file and restart the server.',
  ],
  agent_name_taken: [409, 'Another active agent has the name %s. Use its id or another name.'],
  agent_archived: [409, 'Agent %s is archived. Restore it to start sessions.'],
  budget_disabled: [409, 'The budget was deleted. Set its status to active to use it again.'],
  channel_disabled: [409, 'The channel is disabled. Enable it before you publish it.'],
  session_busy: [409, 'The session is running a turn, and on_busy is reject.'],
  session_not_idle: [409, 'The session is running a turn. Try again when it is idle.'],
  turn_not_failed: [409, 'Only a failed turn can be retried.'],
  turn_retried: [409, 'The turn was already retried: see %s.'],
  tool_call_unpaired: [
    400,
    'Tool call %s needs an id of its own and one result, in the message after the call.',
  ],
  exchange_too_large: [
    413,
    'One exchange of the chat has more than %s bytes. Read its events instead.',
  ],
  history_too_large: [413, 'The messages of a new session can have at most %s bytes.'],
  message_not_retakable: [400, 'Message %s is not of a user, so it cannot be retaken.'],
  session_superseded: [409, 'The session was superseded by %s.'],
  session_without_key: [409, 'The session has no key that the fork could take.'],
  legal_hold: [409, 'Session %s is under a legal hold. An administrator must release it first.'],
  tool_call_not_waiting: [409, 'Tool call %s is not waiting for a result.'],
  question_not_waiting: [
    409,
    'No question waits for an answer: it was answered, it expired, or a message came instead.',
  ],
  approval_not_pending: [409, 'Tool call %s is not awaiting approval.'],
  schedule_exists: [409, 'A schedule named %s already exists.'],
  file_exists: [409, 'File already exists at path: %s'],
  destination_exists: [409, 'Destination already exists: %s'],
  model_exists: [409, 'The provider already has a model %s.'],
  mcp_tools_changed: [
    409,
    '`tools_hash` does not match the current list of tools. Read the server again.',
  ],
  model_in_use: [409, 'The model is in use: %s.'],
  models_not_listed: [409, 'Providers of type %s cannot list models. Add models manually.'],
  provider_without_key: [
    409,
    'The provider has no key. Set `api_key`, or a `base_url` of your own.',
  ],
  provider_without_models: [409, 'The provider has no model. Add one, or sync its models.'],
  account_protected: [
    409,
    'Neither your own account nor that of AUTH_ADMIN_EMAIL can be disabled or deleted.',
  ],
  organization_protected: [409, 'The default organization cannot be deleted.'],
  last_owner: [409, 'An organization must have at least one owner. Assign another owner first.'],
  authentication_off: [409, 'Users, keys and members require authentication: see AUTH_MODE.'],
  storage_full: [409, 'A session can store at most %s. Delete some first.'],
  idempotency_key_reused: [
    409,
    'This Idempotency-Key was already used with another body or query.',
  ],
  idempotency_key_in_progress: [
    409,
    'The first request with this Idempotency-Key is still running.',
  ],
  idempotency_in_progress: [409, 'The first request with this Idempotency-Key is still running.'],
  history_changed: [
    409,
    'The event was lost when the database failed over or was restored. Resume from resume.since_id.',
  ],
  changed_meanwhile: [412, '%s was changed meanwhile. Read it again.'],
  body_too_large: [413, 'The body is larger than %s bytes.'],
  body_too_complex: [413, 'The body has more than %s values. Send large data as text.'],
  file_too_large: [413, 'A file can have at most %s bytes.'],
  image_too_large: [413, 'An image can have at most %s.'],
  session_files_full: [413, 'The files of a session cannot exceed %s.'],
  fork_too_long: [413, 'A fork can copy at most %s. Name an earlier event.'],
  value_too_large: [413, 'A stored value can have at most %s bytes.'],
  unsupported_media_type: [415, 'The Content-Type must be %s.'],
  rate_limited: [429, 'Too many requests. Try again in %s s.'],
  spending_limit: [429, 'The spending limit of this day is used up. Try again tomorrow.'],
  too_many_attempts: [429, 'Too many attempts. Try again in %s s.'],
  too_many_uploads: [429, 'Too many bytes are being uploaded at once. Try again.'],
  schedule_limit: [429, 'Schedule limit exceeded: max %s schedules'],
  budget_wait: [
    429,
    'Response %s waits for a budget. It continues when the budget has more: read it by its id.',
  ],
  too_many_messages: [429, 'Too many bytes of messages wait in this session. Try again later.'],
  too_many_turns: [429, 'The organization is running its maximum number of turns. Try again.'],
  too_many_streams: [429, '%s has reached its limit of open streams. Close one and try again.'],
  too_many_connections: [429, 'Too many unauthenticated connections from this address.'],
  headers_too_large: [431, 'The request headers are too large.'],
  internal_error: [500, 'Internal server error'],
  provider_failed: [502, 'The provider did not list its models: %s'],
  oauth_unavailable: [503, '%s cannot be reached. Try again.'],
  identity_provider_unavailable: [
    503,
    'The identity provider of the caller cannot be reached. Try again.',
  ],
  database_unavailable: [503, 'The database cannot be reached. Try again.'],
  grep_busy: [503, 'Too many searches at once. Try again.'],
  validation_timeout: [503, 'The arguments could not be validated in time. Try again.'],
  session_changing: [503, 'The session changes too fast for this request. Try again.'],
  shutting_down: [503, 'The server is shutting down. Try again.'],
} as const satisfies Record<string, readonly [status: number, sentence: string]>

export type ErrorCode = keyof typeof catalogue

/** An error response (status 400 or higher). Any code below a request can throw it. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly code: ErrorCode
  readonly status: number
  readonly details: ErrorDetail[] | undefined
  /** Seconds after which the caller may retry. */
  readonly retryAfter: number | undefined
  /** With `history_changed`: the last event that the caller's history shares with the log. */
  readonly resume: ErrorResponse['resume']
  /** True if an operation has answered with it to an adapter. */
  isPassedOn = false

  constructor(
    code: ErrorCode,
    about?: string,
    details?: ErrorDetail[],
    retryAfter?: number,
    resume?: ErrorResponse['resume'],
  ) {
    const [status, sentence] = catalogue[code]
    super(sentence.replace('%s', () => about ?? ''))
    this.code = code
    this.status = status
    this.details = details
    this.retryAfter = retryAfter
    this.resume = resume
  }

  get body(): ErrorResponse {
    const { message: error, code, status, details, resume } = this
    const title = STATUS_CODES[status] ?? 'Error'
    const problem = { title, status, detail: error }
    return { error, code, ...problem, ...(details && { details }), ...(resume && { resume }) }
  }
}

/** Creates the error for an invalid value at one path. */
export function invalidAt(path: string, message: string) {
  return invalidFields([{ path, message }])
}

/** Creates the error for invalid values; its sentence is about the first one. */
export function invalidFields(details: ErrorDetail[], whole = 'the body') {
  const { path, message } = details[0]!
  const sentence = `${path === '' ? whole : `\`${path}\``} ${message}`
  return new ApiError('invalid_request', sentence.replace(/[^.]$/, '$&.'), details)
}

/** Creates the error for fields that a body must not have; its sentence is about the first one. */
export function unknownFields(details: ErrorDetail[]) {
  const { path, message } = details[0]!
  const sentence = `\`${path}\` ${message}`.replace(/[^.?]$/, '$&.')
  return new ApiError('unknown_field', sentence, details)
}

/** Creates the error for an id of the wrong form. `noun`: its resource, `example`: a valid id. */
export const invalidId = (noun: string, example: string) =>
  new ApiError('invalid_id', `${noun} ID: it must look like ${example}.`)

/**
 * Creates the error for an address that changed without the secrets sent to it. `paths`: the
 * missing fields.
 */
export function secretNeeded(paths: readonly string[]) {
  const details = paths.map((path) => ({
    path,
    message: 'must be sent again because the address changes',
  }))
  return new ApiError('secret_needed_again', paths.join(', '), details)
}
