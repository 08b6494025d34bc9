import type { TagName } from '../core/docs.ts'

/** The first page of the reference, in Markdown. */
export const introduction = `
Durable sessions for AI agents. A session is an append-only log of events. A message starts a turn, which calls a model and tools and appends each step to the log. A turn survives crashes, deploys and disconnects: another node continues it.

## First request

\`\`\`sh
curl -s localhost:9000/v1/sessions -H 'content-type: application/json' \\
  -d '{"agent_id": "agent_01933b5a000070008000000000000101"}'
\`\`\`

The next steps are \`POST /v1/sessions/{session_id}/messages\` to send a message and \`GET /v1/sessions/{session_id}/sse\` to follow the reply. The samples in TypeScript use the client \`@outlast/sdk\`.

## Authentication

With \`AUTH_MODE=none\` (default, on this machine only) requests need no credentials, except those of channels. Otherwise send one of these:

- \`Authorization: Bearer <API key or token>\`, or an API key alone or after \`ApiKey\`. An API key belongs to one organization.
- the same header with a key of an agent channel (\`evr_ak_…\`), a runtime token, or a token of an identity provider of the channel, for operations under \`/v1/channels/{channel_id}\` only.
- the cookie \`access_token\`, which the browser gets at sign-in. Requests with an effect must then come from a page of the same origin.
- \`?access_token=<token>\`, on event streams only: those of a session, of a channel's session and of changes. Keys are refused there, because URLs are logged.

A member of several organizations names one in the header \`X-Org-Id\`. Resources of other organizations are 404.

Access has three levels: \`read\`, \`write\` and \`admin\`, each including those before it. They follow from the role of a user (viewer: \`read\`; member: \`write\`; admin and owner: \`admin\`) or the scopes of a key. A session token reaches one session, and a token of an end user all sessions of that user. Both reach only the operations that accept tokens. A key of a channel and its runtime tokens reach the sessions of their own caller.

## Retries

Send the header \`Idempotency-Key\` with a POST to retry it safely. For 24 hours a request of the same caller with the same key, path, query and body returns the stored response with \`Idempotency-Replayed: true\` and has no second effect. Another body or query is 409 \`idempotency_key_reused\`. Responses from 500 on and 429 are not stored. Of a response above 64 KiB only its \`id\`, \`session_id\` and \`sequence\` are stored, and those of \`session\` and \`message\` in it. A stored response is without \`ETag\`, \`Location\` and \`Outlast-Session\`. GET, PUT and DELETE are idempotent. Operations of channels differ: the header is \`Idempotent-Replayed: true\`, another body or query is 422 \`idempotency_key_reused\`, and only successes are stored.

Errors 429 and 503 have the header \`Retry-After\` in seconds.

## Errors

Every response from 400 on is JSON: \`{"error": "<sentence>", "code": "<code>"}\`, with \`title\`, \`status\`, \`detail\` and \`instance\` as in RFC 9457, \`retry_after_seconds\` beside the header \`Retry-After\`, and with \`details\` (\`path\` and \`message\`) if properties are invalid. Use \`code\` in programs, because sentences may change. Each operation lists its codes. In addition, any request can be answered with 404 \`route_not_found\`, 405 \`method_not_allowed\` or 408 \`request_timeout\`.

## Reasons of changes

Any change can have the header \`Everruns-Change-Reason\`: text in UTF-8 with percent encoding, at most 1,000 characters. The entry of the audit log has it as \`reason\`. Control characters, except line feed and tab, and text that looks like a credential are refused with 400 \`invalid_change_reason\`. Operations without an audit entry check the header and do not store it.

## Lists

Lists have \`data\`, \`total\`, \`offset\` and \`limit\`. \`limit\` and \`offset\` choose a page; a page has at most 100 items.

## Conventions

Bodies are JSON in UTF-8 with at most 2 MiB, unless an operation has another limit. Times are in RFC 3339 format in UTC. Ids are a prefix and 32 hex digits, or UUIDs. Unknown properties of a body have no effect: the response lists them in \`warnings\`, one sentence each. With the header \`Outlast-Strict: true\` they are refused with 400 \`unknown_field\`, which names the nearest known property. Every response has \`X-Request-Id\`, which is the one that the request sent, if any.
`.trim()

/** Description of each group of operations. */
export const tagTexts: Record<TagName, string> = {
  Sessions:
    'A session is one conversation with an agent: an append-only log with a status. Create one, send messages to it, and follow its events.',
  Messages: 'Messages start turns. A message is stored before the response returns.',
  Events:
    'Each step of a session is an event with a `sequence` without gaps. Read events as a list, or follow them as server-sent events.',
  'Tool calls':
    'A turn waits for tool calls that the client runs or a person approves. Waiting uses no process or connection and survives restarts.',
  'Front ends':
    'Protocols of client libraries, which these operations convert to sessions, messages and events.',
  'Session tokens':
    "Short-lived tokens with access to one session, for browsers of your product's users.",
  'End users':
    "Users of your product, by the ids that it gives them: tokens for their browsers that open all sessions of one user, and the export and deletion of a user's data.",
  'Session storage':
    'Texts that a session stores by name: values, which its readers see, and secrets, which no response contains.',
  Files: 'Each session has files of its own, which tools of the agent and clients read and write.',
  Images:
    'Images that messages refer to. An image belongs to the organization, and is sent to models that can see it.',
  Agents: 'An agent is a system prompt, a default model, capabilities and client tools.',
  'Agent execution':
    'What programs outside of the organization do with an agent, through one of its channels. Each caller has sessions of its own.',
  'Agent channels':
    'A channel is a door of one agent for programs outside of the organization, each with a key of its own.',
  Capabilities: 'A capability adds tools and prompt text to an agent or a session.',
  Models: 'Models that sessions can use, with limits and prices.',
  Providers: 'Model vendors and model servers, with their encrypted API keys.',
  'MCP servers': 'Remote servers of tools that speak the Model Context Protocol.',
  Schedules:
    'A schedule sends a message or starts a session at the times of a cron expression. Each time is an execution.',
  Budgets:
    'Limits on the cost and the tokens of model calls, reserved before a call and counted after it, and reports of usage.',
  Webhooks: 'A webhook is an address that receives a signed request for each event of some types.',
  Alerts:
    'Rules on failed turns, cost, waiting time and queue age. Webhooks receive when one fires and when it resolves.',
  Authentication: 'Sign-in with a password or an OAuth issuer, tokens, and the current user.',
  'API keys': 'Keys for programs. A key belongs to one organization and never exceeds its creator.',
  Users: 'Users of the current organization.',
  Organizations:
    'An organization owns all other resources. Members have roles; people join by invitation.',
  Accounts: 'User accounts of the whole server, for its operator.',
  'Audit log': 'An unchangeable record of changes, sign-ins and exports.',
  Turns:
    'Open and failed turns across all sessions, for operators and support. The paths call a turn a workflow.',
  Nodes: 'Processes of the server that run turns. The paths call a node a worker.',
}

/** Parameters of paths and headers. Those of queries are described in their schemas. */
export const parameterTexts: Record<string, string> = {
  session_id: 'Id of the session.',
  chat_id: 'Id of the chat, as the client chose it: the `key` of the session.',
  agent_id: 'Id of the agent, or its name if that consists of `a-z`, `0-9` and `-`.',
  harness_id: 'Id of the built-in harness, or `base`, `generic` or `default`.',
  capability_id:
    'Id of the capability, such as `current_time`, or `mcp:` and the UUID of an MCP server.',
  turn_id: 'Id of the turn.',
  tool_call_id: 'Id of the tool call, as in the event `tool.approval_requested`.',
  tool_name: 'Name of the tool.',
  token_id: 'Id of the session token, not the token itself.',
  share_id: 'Id of the link.',
  user_token_id: 'Id of the token, not the token itself.',
  path: 'Path of the file or directory, without the first slash. It may contain slashes.',
  image_id: 'Id of the image.',
  budget_id: 'Id of the budget.',
  schedule_id: 'Id of the schedule.',
  execution_id: 'Id of the execution.',
  alert_id: 'Id of the alert.',
  provider_id: 'Id of the provider.',
  model_id: 'Id of the model on this server, not the name that its provider uses.',
  server_id: 'Id of the MCP server.',
  channel_id: 'Id of the channel.',
  webhook_id: 'Id of the webhook.',
  event_id: 'Id of the event, as in the header `webhook-id`.',
  key_id: 'Id of the key, not the key itself.',
  user_id: 'Id of the user.',
  org_id: 'Id of the organization.',
  organization_id: 'Id of the organization.',
  invitation_id: 'Id of the invitation, not its token.',
  worker_id: 'Id of the node.',
  provider: 'Issuer: `google`, `github` or `oidc`.',
  'Outlast-Strict':
    '`true` refuses unknown properties of the body with 400 `unknown_field`. Default: they have no effect and are listed in `warnings`.',
  'Everruns-Change-Reason':
    'Reason of the change for the audit log: UTF-8 with percent encoding, at most 1,000 characters. Default: none.',
  'Idempotency-Key':
    'Makes a retry safe: 1 to 255 visible ASCII characters, unique per request of the caller, valid for 24 hours.',
  'If-Match':
    '`ETag` of the version to change. If the resource has changed, the response is 412 `changed_meanwhile`.',
  'End-User':
    'User of the product that holds the key, for whom it acts: 1 to 256 characters. The key needs the permission `end_user`. Default: the key itself.',
  'Last-Event-ID':
    'Id of the last received event, as `since_id`. The query has precedence over this header.',
}

/** Values in examples of parameters. */
export const parameterExamples: Record<string, string> = {
  session_id: 'session_01933b5a000070008000000000000001',
  chat_id: 'chat-4711',
  agent_id: 'agent_01933b5a000070008000000000000001',
  harness_id: 'base',
  capability_id: 'current_time',
  turn_id: 'turn_01933b5a000070008000000000000001',
  tool_call_id: 'call_1',
  tool_name: 'write_file',
  token_id: 'token_01933b5a000070008000000000000001',
  share_id: 'share_01933b5a000070008000000000000001',
  user_token_id: 'token_01933b5a000070008000000000000002',
  path: 'reports/march.csv',
  image_id: 'img_01933b5a000070008000000000000001',
  budget_id: 'bdgt_01933b5a000070008000000000000001',
  schedule_id: '01933b5a-0000-7000-8000-000000000001',
  execution_id: '01933b5a-0000-7000-8000-000000000001',
  alert_id: 'alert_01933b5a000070008000000000000001',
  provider_id: 'provider_01933b5a000070008000000000000001',
  model_id: 'model_01933b5a000070008000000000000001',
  server_id: 'mcp_01933b5a000070008000000000000001',
  channel_id: 'appchan_01933b5a000070008000000000000001',
  webhook_id: 'wh_01933b5a000070008000000000000001',
  event_id: 'event_01933b5a000070008000000000000001',
  key_id: '01933b5a-0000-7000-8000-000000000001',
  user_id: '01933b5a-0000-7000-8000-000000000001',
  org_id: 'org_01933b5a000070008000000000000001',
  organization_id: 'org_01933b5a000070008000000000000001',
  invitation_id: 'invitation_01933b5a000070008000000000000001',
  worker_id: 'node_b04bf2b2d6d61250',
  provider: 'google',
}
