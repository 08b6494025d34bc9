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

/** Every setting there is. This table is the documentation too: `npm run docs` prints it. */
export const settings = {
  PORT: {
    about: 'TCP port of the HTTP server; 0 takes any free one',
    ...wholeNumber(9000, 0, 65_535),
  },
  HOST: { about: 'Address to listen on', ...text('127.0.0.1') },
  DATA_DIR: { about: 'Where the embedded PostgreSQL and its keys live', ...text('./data') },
  DATABASE_URL: {
    about:
      'A PostgreSQL server (15 or newer) to use instead of the embedded one; several hosts may be separated by commas; not a transaction-mode pooler',
    secret: true as const,
    ...postgresUrl(),
  },
  REDIS_URL: {
    about:
      'A Redis server that carries live text and hints between nodes, instead of PostgreSQL; worth it where many nodes stream',
    secret: true as const,
    ...redisUrl(),
  },
  ROLE: {
    about: '`all`, `api` (runs no turns) or `worker` (serves nothing but health and metrics)',
    ...choice('all', ['all', 'api', 'worker']),
  },
  AUTH_MODE: {
    about:
      'Who may call. `none`: everybody who reaches the port; `admin`: one administrator and keys; `full`: users, organizations and keys',
    ...choice('none', ['none', 'admin', 'full']),
  },
  ALLOW_OPEN_ACCESS: {
    about: 'Allows `AUTH_MODE=none` on an address that others can reach',
    ...flag(),
  },
  ALLOWED_HOSTS: {
    about:
      'Host names, separated by commas and each with an optional port, that requests may name in `Host`, beside loopback names; any other is refused with 403. Unset: loopback names only with `AUTH_MODE=none`, else every name',
    ...hosts(),
  },
  AUTH_BASE_URL: {
    about:
      'Where browsers reach the server, such as `https://agents.example.com`; needed for OAuth, and makes cookies strict',
    ...httpUrl(),
  },
  AUTH_ADMIN_EMAIL: {
    about: 'Who owns the default organization; needed with `AUTH_MODE=admin`',
    ...optionalText(),
  },
  AUTH_ADMIN_PASSWORD: {
    about: "The administrator's password, 8 characters or more",
    secret: true as const,
    ...optionalText(),
  },
  AUTH_JWT_SECRET: {
    about:
      'Signs tokens, 32 characters or more; unset: follows from the master key, and with a new one tokens of the previous are good while that is kept. A new secret signs everybody out',
    secret: true as const,
    ...optionalText(),
  },
  AUTH_JWT_ACCESS_TOKEN_LIFETIME: {
    about: 'Seconds that an access token is good for',
    ...wholeNumber(900, 1, 86_400),
  },
  AUTH_JWT_REFRESH_TOKEN_LIFETIME: {
    about: 'Seconds after which somebody who was not here must sign in again',
    ...wholeNumber(2_592_000, 1, 31_536_000),
  },
  AUTH_DISABLE_PASSWORD: {
    about: 'Nobody registers or signs in with a password but the administrator',
    ...flag(),
  },
  AUTH_DISABLE_SIGNUP: { about: 'Only who is invited may register', ...flag() },
  ...identityProviders,
  TRUST_PROXY: {
    about:
      'Addresses or networks, separated by commas, of proxies whose `X-Forwarded-For` is believed; unset: none',
    ...networks(),
  },
  SIMULATED_MODELS: {
    about:
      'When simulated models are offered and used: `auto`, while an organization has no model of a vendor that can be called; `always`',
    ...choice('auto', ['auto', 'always']),
  },
  SIMULATED_SCRIPTS: {
    about:
      'Lets simulated models play the scripts in messages and prompts, which call any tool; for tests. Messages of session tokens may hold none',
    ...flag(),
  },
  PRIVATE_HOSTS_ALLOWED: {
    about:
      'Private addresses that users may name, separated by commas, as `[purpose=]host[:port][@organization]`: `mcp=127.0.0.1:3001,provider=10.0.0.5:8080`. The purpose is `provider`, `mcp`, `web_fetch` or `image`. Without a purpose an entry holds for all of them, without a port for every port; without `@*` or `@<organization ID>` for the default organization only. See [MCP servers](mcp.md)',
    ...privateHosts(),
  },
  ...limitSettings,
  CORS_ALLOWED_ORIGINS: {
    about: 'Origins, separated by commas, whose pages may call the API; unset: none',
    ...origins(),
  },
  SECRETS_ENCRYPTION_KEY: {
    about:
      'Encrypts stored keys, as `kek-v1:<32 bytes in base64>`; the same on all nodes, else a node refuses to start. Unset: made at first start in `DATA_DIR`, none with `DATABASE_URL`',
    ...masterKey(),
  },
  SECRETS_ENCRYPTION_KEY_PREVIOUS: {
    about:
      'Other master keys, separated by commas, that open what they sealed; see [keys](keys.md) for how to change the key',
    ...masterKeys(),
  },
  DEFAULT_OPENAI_API_KEY: {
    about: "OpenAI's key for providers that have none of their own",
    secret: true as const,
    ...optionalText(),
  },
  DEFAULT_ANTHROPIC_API_KEY: {
    about: "Anthropic's key for providers that have none of their own",
    secret: true as const,
    ...optionalText(),
  },
  DEFAULT_GOOGLE_API_KEY: {
    about: "Google's key for providers that have none of their own",
    secret: true as const,
    ...optionalText(),
  },
  LOG_LEVEL: {
    about: 'How much is logged',
    ...choice('info', ['trace', 'debug', 'info', 'warn', 'error', 'silent']),
  },
  METRICS_TOKEN: {
    about:
      'Opens `/metrics`, sent as `Authorization: Bearer …`; 16 characters or more. Unset: `/metrics` is closed, except to loopback addresses with `AUTH_MODE=none`',
    ...secretText(16),
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    about:
      'Where traces go, over OTLP/HTTP, such as `http://127.0.0.1:4318`; unset: there are none. See [observation](observation.md)',
    ...httpUrl(),
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    about: 'Headers for it, as `name=value`, separated by commas',
    ...keyValues({ secret: true }),
  },
  OTEL_SERVICE_NAME: { about: 'What traces call this server', ...text('outlast') },
  OTEL_RESOURCE_ATTRIBUTES: {
    about: 'What traces say of it besides, as `name=value`, separated by commas',
    ...keyValues({}),
  },
  OTEL_RECORD_CONTENT: {
    about: 'Messages, arguments and results of tools are in traces too',
    ...flag(),
  },
  OTEL_PROPAGATE_TO: {
    about:
      'Who gets `traceparent` with calls that a turn makes: `mcp`, `models`, separated by commas, or `none`',
    ...someOf(['mcp'], ['mcp', 'models']),
  },
  TURN_ITERATIONS_MAX: {
    about: 'Model calls that one turn may make before it fails with `max_iterations`',
    ...wholeNumber(100, 1, 10_000),
  },
  WORKER_SLOTS: {
    about:
      'Turns of the queue that this node runs at once; half as many more may begin without it, where their message was stored',
    ...wholeNumber(128, 1, 1000),
  },
  TURN_TIMEOUT_MS: {
    about: 'Longest a turn may go on before it fails with `turn_timeout`',
    ...wholeNumber(14_400_000, 100, 604_800_000),
  },
  MODEL_TIMEOUT_MS: {
    about: 'Longest a model may stay silent before the call counts as broken',
    ...wholeNumber(120_000, 100, 3_600_000),
  },
  MODEL_CALL_TIMEOUT_MS: {
    about: 'Longest one reply may take, however much is said in it',
    ...wholeNumber(900_000, 100, 14_400_000),
  },
  MODEL_SYNC_INTERVAL_HOURS: {
    about: 'How often vendors are asked for new models; 0: only when somebody wants it',
    ...wholeNumber(24, 0, 8_760),
  },
  MODEL_ATTEMPTS_MAX: {
    about: 'How often a model call that broke is made in all',
    ...wholeNumber(4, 1, 10),
  },
  MODEL_WAIT_MAX_MS: {
    about:
      'Longest wait before such a call is made again; a vendor that asks for more is not asked again',
    ...wholeNumber(60_000, 0, 3_600_000),
  },
  CONTEXT_PERCENT: {
    about:
      "Share of a model's context window that a conversation may fill before old tool results are shortened and a summary stands for its beginning",
    ...wholeNumber(80, 1, 100),
  },
  CONTEXT_TOKENS_UNKNOWN: {
    about: 'The context window of models that the catalogue does not know, in tokens',
    ...wholeNumber(128_000, 100, 100_000_000),
  },
  TOOL_TIMEOUT_MS: {
    about: 'Longest one tool call may take',
    ...wholeNumber(60_000, 100, 3_600_000),
  },
  TOOL_OUTPUT_KB: {
    about:
      'Kilobytes of a tool result that the model gets; of a longer one it gets beginning and end, and the whole is kept in the files of the session',
    ...wholeNumber(64, 1, 10_240),
  },
  TOOL_REPEATS_MAX: {
    about:
      'How often in a row a model may make the same tool call with the same arguments before its turn fails with `tool_loop`',
    ...wholeNumber(10, 2, 10_000),
  },
  CLIENT_TOOL_TIMEOUT_HOURS: {
    about: 'How long a turn waits for a tool that the client runs, where the tool does not say',
    ...wholeNumber(24, 1, 8_760),
  },
  APPROVAL_TIMEOUT_HOURS: {
    about: 'How long a turn waits until somebody allows or denies a tool call; then it is denied',
    ...wholeNumber(168, 1, 8_760),
  },
  MCP_TOOLS_MAX_AGE_MINUTES: {
    about: "Age from which an MCP server's list of tools is had anew, in the background of a turn",
    ...wholeNumber(60, 1, 10_080),
  },
  MCP_CONNECTIONS_MAX: {
    about: 'Sessions with MCP servers that this node holds open at once',
    ...wholeNumber(256, 1, 10_000),
  },
  MCP_IDLE_SECONDS: {
    about: 'How long such a session is held after its last call',
    ...wholeNumber(300, 1, 86_400),
  },
  FILE_SIZE_MB: {
    about: 'Megabytes that one file of a session may have',
    ...wholeNumber(10, 1, 1_024),
  },
  SESSION_FILES_MB: {
    about: 'Megabytes that all files of one session may have',
    ...wholeNumber(100, 1, 1_048_576),
  },
  SESSION_FILES_MAX: {
    about: 'Files and directories that one session may have',
    ...wholeNumber(20_000, 1, 10_000_000),
  },
  SSE_CYCLE_MS: {
    about: 'Age at which a stream is closed, so that clients spread over nodes again',
    ...wholeNumber(300_000, 100, 86_400_000),
  },
  SSE_HEARTBEAT_MS: {
    about: 'Pause between signs of life on a silent stream',
    ...wholeNumber(10_000, 50, 30_000),
  },
  SSE_STALL_MS: {
    about: 'How long a client may take nothing of what a stream has for it before it is closed',
    ...wholeNumber(30_000, 100, 3_600_000),
  },
  SHUTDOWN_GRACE_MS: {
    about: 'How long running model calls and tools may go on after SIGTERM',
    ...wholeNumber(20_000, 0, 600_000),
  },
} satisfies Record<string, Setting<unknown>>
