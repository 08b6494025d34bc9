import { identityProviders } from './identity-providers.ts'
import { limitSettings } from './limits.ts'
import {
  choice,
  flag,
  hosts,
  httpUrl,
  keyValues,
  masterKey,
  masterKeys,
  networks,
  optionalText,
  origins,
  postgresUrl,
  privateHosts,
  redisUrl,
  type Setting,
  secretText,
  someOf,
  text,
  wholeNumber,
} from './readers.ts'

/** All settings. `npm run docs` generates the documentation from this table. */
export const settings = {
  PORT: {
    about: 'TCP port of the HTTP server; 0 takes any free port',
    ...wholeNumber(9000, 0, 65_535),
  },
  HOST: { about: 'Address to listen on', ...text('127.0.0.1') },
  DATA_DIR: { about: 'Directory of the embedded PostgreSQL and its keys', ...text('./data') },
  DATABASE_URL: {
    about:
      'URL of a PostgreSQL server (15 or newer) to use instead of the embedded one. Several hosts are separated by commas. A pooler must not be in transaction mode',
    secret: true as const,
    ...postgresUrl(),
  },
  REDIS_URL: {
    about:
      'URL of a Redis server that carries live text, short events and hints between nodes instead of PostgreSQL. Recommended where many nodes stream',
    secret: true as const,
    ...redisUrl(),
  },
  ROLE: {
    about: '`all`, `api` (runs no turns) or `worker` (serves only health and metrics)',
    ...choice('all', ['all', 'api', 'worker']),
  },
  AUTH_MODE: {
    about:
      'Authentication. `none`: every client that reaches the port has full access; `admin`: one administrator and API keys; `full`: users, organizations and API keys',
    ...choice('none', ['none', 'admin', 'full']),
  },
  ALLOW_OPEN_ACCESS: {
    about: 'Allows `AUTH_MODE=none` on an address that other machines can reach',
    ...flag(),
  },
  ALLOWED_HOSTS: {
    about:
      'Host names that requests may send in `Host` in addition to loopback names, separated by commas, each with an optional port. Other names get 403. Unset: only loopback names with `AUTH_MODE=none`, else every name',
    ...hosts(),
  },
  AUTH_BASE_URL: {
    about:
      'Public address of the server, such as `https://agents.example.com`. Required for OAuth; also makes cookies strict',
    ...httpUrl(),
  },
  AUTH_ADMIN_EMAIL: {
    about:
      'Email address of the administrator, the owner of the default organization. Required with `AUTH_MODE=admin`',
    ...optionalText(),
  },
  AUTH_ADMIN_PASSWORD: {
    about: "The administrator's password, at least 8 characters",
    secret: true as const,
    ...optionalText(),
  },
  AUTH_JWT_SECRET: {
    about:
      'Secret that signs tokens, at least 32 characters. Unset: derived from the master key; tokens of a previous master key stay valid while it is configured. A new secret signs out all users',
    secret: true as const,
    ...optionalText(),
  },
  AUTH_JWT_ACCESS_TOKEN_LIFETIME: {
    about: 'Lifetime of access tokens in seconds',
    ...wholeNumber(900, 1, 86_400),
  },
  AUTH_JWT_REFRESH_TOKEN_LIFETIME: {
    about:
      'Lifetime of refresh tokens in seconds: users who are inactive for longer must sign in again',
    ...wholeNumber(2_592_000, 1, 31_536_000),
  },
  AUTH_DISABLE_PASSWORD: {
    about: 'Disables registration and sign-in with a password, except for the administrator',
    ...flag(),
  },
  AUTH_DISABLE_SIGNUP: { about: 'Requires an invitation to register', ...flag() },
  ...identityProviders,
  TRUST_PROXY: {
    about:
      'Addresses or networks of proxies whose `X-Forwarded-For` is trusted, separated by commas; unset: none',
    ...networks(),
  },
  SIMULATED_MODELS: {
    about:
      'When simulated models are offered: `auto`: while an organization has no callable model of a vendor; `always`',
    ...choice('auto', ['auto', 'always']),
  },
  SIMULATED_SCRIPTS: {
    about:
      'Lets simulated models run the scripts in messages and prompts, which can call any tool; for tests. Messages of session tokens cannot contain scripts',
    ...flag(),
  },
  PRIVATE_HOSTS_ALLOWED: {
    about:
      'Private addresses that users may name, separated by commas, as `[purpose=]host[:port][@organization]`: `mcp=127.0.0.1:3001,provider=10.0.0.5:8080`. The purpose is `provider`, `mcp`, `web_fetch`, `image`, `webhook` or `identity`. An entry without a purpose applies to all of them, without a port to every port, and without `@*` or `@<organization ID>` only to the default organization. See [MCP servers](mcp.md)',
    ...privateHosts(),
  },
  ...limitSettings,
  CORS_ALLOWED_ORIGINS: {
    about: 'Origins whose pages may call the API, separated by commas; unset: none',
    ...origins(),
  },
  SECRETS_ENCRYPTION_KEY: {
    about:
      'Master key that encrypts stored secrets, as `kek-v1:<32 bytes in base64>`, the same on all nodes; a node with another key does not start. Unset: created in `DATA_DIR` at the first start; none with `DATABASE_URL`',
    ...masterKey(),
  },
  SECRETS_ENCRYPTION_KEY_PREVIOUS: {
    about:
      'Previous master keys, separated by commas, which only decrypt. See [keys](keys.md) for how to change the key',
    ...masterKeys(),
  },
  DEFAULT_OPENAI_API_KEY: {
    about: 'OpenAI API key for providers without a key of their own',
    secret: true as const,
    ...optionalText(),
  },
  DEFAULT_ANTHROPIC_API_KEY: {
    about: 'Anthropic API key for providers without a key of their own',
    secret: true as const,
    ...optionalText(),
  },
  DEFAULT_GOOGLE_API_KEY: {
    about: 'Google API key for providers without a key of their own',
    secret: true as const,
    ...optionalText(),
  },
  LOG_LEVEL: {
    about: 'Lowest level of log lines to write',
    ...choice('info', ['trace', 'debug', 'info', 'warn', 'error', 'silent']),
  },
  LOG_FORMAT: {
    about:
      'Format of log lines: `json`, `text`, or `auto`: text when stderr is a terminal, else JSON',
    ...choice('auto', ['auto', 'json', 'text']),
  },
  METRICS_TOKEN: {
    about:
      'Token for `/metrics`, sent as `Authorization: Bearer …`, at least 16 characters. Unset: `/metrics` is closed, except to loopback addresses with `AUTH_MODE=none`',
    ...secretText(16),
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    about:
      'OTLP/HTTP receiver of traces, such as `http://127.0.0.1:4318`; unset: no traces. See [observation](observation.md)',
    ...httpUrl(),
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    about: 'Headers for the OTLP receiver, as `name=value`, separated by commas',
    ...keyValues({ secret: true }),
  },
  OTEL_SERVICE_NAME: { about: 'Service name in traces', ...text('outlast') },
  OTEL_RESOURCE_ATTRIBUTES: {
    about: 'Additional resource attributes in traces, as `name=value`, separated by commas',
    ...keyValues({}),
  },
  OTEL_RECORD_CONTENT: {
    about: 'Includes messages, tool arguments and tool results in traces',
    ...flag(),
  },
  OTEL_PROPAGATE_TO: {
    about:
      'Servers that receive `traceparent` with the calls of a turn: `mcp`, `models`, separated by commas, or `none`',
    ...someOf(['mcp'], ['mcp', 'models']),
  },
  TURN_ITERATIONS_MAX: {
    about: 'Model calls of one turn before it fails with `max_iterations`',
    ...wholeNumber(100, 1, 10_000),
  },
  WORKER_SLOTS: {
    about:
      'Queued turns that this node runs at once. Half as many more can start outside the queue, on the node that stored their message',
    ...wholeNumber(128, 1, 1000),
  },
  TURN_TIMEOUT_MS: {
    about: 'Longest duration of a turn in ms before it fails with `turn_timeout`',
    ...wholeNumber(14_400_000, 100, 604_800_000),
  },
  MODEL_TIMEOUT_MS: {
    about:
      'Idle timeout of a model call in ms: the call fails when the model sends nothing for this long. It has no effect above MODEL_CALL_TIMEOUT_MS',
    ...wholeNumber(120_000, 100, 3_600_000),
  },
  MODEL_CALL_TIMEOUT_MS: {
    about: 'Total timeout of one model reply in ms, even while text still arrives',
    ...wholeNumber(900_000, 100, 14_400_000),
  },
  MODEL_SYNC_INTERVAL_HOURS: {
    about: 'Hours between updates of the model lists of vendors; 0: only on request',
    ...wholeNumber(24, 0, 8_760),
  },
  MODEL_ATTEMPTS_MAX: {
    about: 'Maximum number of attempts at one model call',
    ...wholeNumber(4, 1, 10),
  },
  MODEL_WAIT_MAX_MS: {
    about:
      'Longest wait in ms before a retry of a model call, and for the trial of a circuit breaker. If a vendor asks for a longer wait, the call is not retried',
    ...wholeNumber(60_000, 0, 3_600_000),
  },
  CONTEXT_PERCENT: {
    about:
      "Share of a model's context window in percent that a conversation may fill. Beyond it, old tool results are shortened and a summary replaces the beginning",
    ...wholeNumber(80, 1, 100),
  },
  CONTEXT_TOKENS_UNKNOWN: {
    about: 'Context window in tokens of models without an entry in the catalogue',
    ...wholeNumber(128_000, 100, 100_000_000),
  },
  BUDGET_UNKNOWN_PRICES: {
    about:
      'What a budget in US dollars does with a call of a model without a price in the catalogue. `refuse`: the turn fails. `tokens`: the budget does not count the call, and only budgets in tokens do',
    ...choice('refuse', ['refuse', 'tokens']),
  },
  TOOL_TIMEOUT_MS: {
    about: 'Timeout of one tool call in ms',
    ...wholeNumber(60_000, 100, 3_600_000),
  },
  TOOL_OUTPUT_KB: {
    about:
      'Kilobytes of a tool result that the model receives. Of a longer result it receives the beginning and the end; the whole result is stored in the files of the session',
    ...wholeNumber(64, 1, 10_240),
  },
  TOOL_REPEATS_MAX: {
    about:
      'Consecutive identical tool calls (same tool, same arguments) before a turn fails with `tool_loop`',
    ...wholeNumber(10, 2, 10_000),
  },
  CLIENT_TOOL_TIMEOUT_HOURS: {
    about: 'Hours that a turn waits for a client-side tool that sets no timeout of its own',
    ...wholeNumber(24, 1, 8_760),
  },
  APPROVAL_TIMEOUT_HOURS: {
    about:
      'Hours that a turn waits for the approval of a tool call. Then it expires, and the call does not run',
    ...wholeNumber(168, 1, 8_760),
  },
  MCP_TOOLS_MAX_AGE_MINUTES: {
    about:
      "Age in minutes at which an MCP server's list of tools is refreshed in the background of a turn",
    ...wholeNumber(60, 1, 10_080),
  },
  MCP_CONNECTIONS_MAX: {
    about: 'MCP sessions that this node keeps open at once',
    ...wholeNumber(256, 1, 10_000),
  },
  MCP_IDLE_SECONDS: {
    about: 'Seconds that an MCP session stays open after its last call',
    ...wholeNumber(300, 1, 86_400),
  },
  FILE_SIZE_MB: {
    about: 'Maximum size of one file of a session in megabytes; a request has at most 16 MiB',
    ...wholeNumber(10, 1, 1_024),
  },
  SESSION_FILES_MB: {
    about: 'Maximum total size of the files of one session in megabytes',
    ...wholeNumber(100, 1, 1_048_576),
  },
  SESSION_FILES_MAX: {
    about: 'Maximum number of files and directories of one session',
    ...wholeNumber(20_000, 1, 10_000_000),
  },
  SSE_CYCLE_MS: {
    about:
      'Age in ms at which a stream is closed, so that clients reconnect and spread over the nodes',
    ...wholeNumber(300_000, 100, 86_400_000),
  },
  SSE_HEARTBEAT_MS: {
    about: 'Interval in ms of heartbeats on an idle stream',
    ...wholeNumber(10_000, 50, 30_000),
  },
  SSE_STALL_MS: {
    about:
      'How long in ms a client may read nothing from a stream with pending data before it is closed. Other responses are closed after 20 times as long',
    ...wholeNumber(30_000, 100, 3_600_000),
  },
  SHUTDOWN_GRACE_MS: {
    about: 'Grace period in ms for running model calls and tools after SIGTERM',
    ...wholeNumber(20_000, 0, 600_000),
  },
} satisfies Record<string, Setting<unknown>>
