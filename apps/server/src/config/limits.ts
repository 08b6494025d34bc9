import { wholeNumber } from './readers.ts'

/** Limits of callers and organizations, and retention periods. */
export const limitSettings = {
  RATE_LIMIT_KEY: {
    about:
      'Requests per minute of one API key; 0: no limit. Rate limits apply only with authentication',
    ...wholeNumber(6_000, 0, 1_000_000_000),
  },
  RATE_LIMIT_USER: {
    about: 'Requests per minute of one signed-in user, and of one session token; 0: no limit',
    ...wholeNumber(1_200, 0, 1_000_000_000),
  },
  RATE_LIMIT_ORG: {
    about: 'Requests per minute of one organization; 0: no limit',
    ...wholeNumber(30_000, 0, 1_000_000_000),
  },
  RATE_LIMIT_ADDRESS: {
    about: 'Requests per minute from one address (IPv6: one /64); 0: no limit',
    ...wholeNumber(12_000, 0, 1_000_000_000),
  },
  CONNECTIONS_PER_ADDRESS: {
    about: 'Unauthenticated connections from one address while authentication is on; 0: no limit',
    ...wholeNumber(512, 0, 1_000_000),
  },
  QUOTA_SESSIONS: {
    about: 'Sessions of one organization; 0: no limit. Quotas apply only with authentication',
    ...wholeNumber(1_000_000, 0, 1_000_000_000),
  },
  QUOTA_TURNS: {
    about: 'Concurrent turns of one organization; 0: no limit',
    ...wholeNumber(200, 0, 1_000_000),
  },
  TURNS_PER_END_USER: {
    about:
      'Concurrent turns of one end user or channel user; 0: no limit. Applies only with authentication',
    ...wholeNumber(20, 0, 1_000_000),
  },
  QUOTA_STORAGE_MB: {
    about:
      'Storage in megabytes of the sessions, agents, prompts and stored responses of one organization; 0: no limit',
    ...wholeNumber(10_240, 0, 1_000_000_000),
  },
  API_KEYS_MAX: {
    about: 'API keys of one organization; 0: no limit',
    ...wholeNumber(1_000, 0, 1_000_000_000),
  },
  PROVIDERS_MAX: {
    about: 'Providers of one organization, each with at most 10,000 models; 0: no limit',
    ...wholeNumber(100, 0, 1_000_000_000),
  },
  INVITATIONS_MAX: {
    about: 'Open invitations of one organization; 0: no limit',
    ...wholeNumber(1_000, 0, 1_000_000_000),
  },
  SESSION_TOKENS_MAX: {
    about: 'Unexpired tokens of one session, and of one end user; 0: no limit',
    ...wholeNumber(1_000, 0, 1_000_000_000),
  },
  ORGANIZATIONS_PER_USER: {
    about: 'Organizations that one user may own; 0: no limit',
    ...wholeNumber(10, 0, 1_000_000_000),
  },
  STREAMS_PER_CREDENTIAL: {
    about:
      'Open streams per node of one user, key or session token; 0: no limit. Applies only with authentication',
    ...wholeNumber(500, 0, 1_000_000),
  },
  STREAMS_PER_END_USER: {
    about:
      'Open streams per node of one end user, session token or channel user, and five times as many of the readers of one link in one network; 0: no limit. Applies only with authentication',
    ...wholeNumber(20, 0, 1_000_000),
  },
  STREAMS_PER_ORGANIZATION: {
    about: 'Open streams per node of one organization; 0: no limit',
    ...wholeNumber(2_000, 0, 1_000_000),
  },
  SCHEDULES_MAX: {
    about: 'Schedules of one organization; 0: no limit. Applies with and without authentication',
    ...wholeNumber(1_000, 0, 1_000_000_000),
  },
  SCHEDULE_INTERVAL_MIN_SECONDS: {
    about:
      'Shortest interval in seconds of a new schedule expression. Applies only with authentication',
    ...wholeNumber(60, 1, 86_400),
  },
  SCHEDULE_EXECUTIONS_DAYS: {
    about: 'Days that ended executions of schedules are kept',
    ...wholeNumber(30, 1, 36_500),
  },
  BUDGETS_MAX: {
    about:
      'Budgets of one organization, deleted ones included; 0: no limit. Applies with and without authentication',
    ...wholeNumber(10_000, 0, 1_000_000_000),
  },
  BUDGET_LEDGER_DAYS: {
    about: 'Days that entries in the ledgers of budgets are kept',
    ...wholeNumber(400, 1, 36_500),
  },
  USAGE_DAYS: {
    about: 'Days that the sums of `GET /v1/usage` are kept; 0: forever',
    ...wholeNumber(400, 0, 36_500),
  },
  WEBHOOK_DELIVERIES_DAYS: {
    about: 'Days that deliveries of webhooks are kept, undelivered ones included',
    ...wholeNumber(7, 1, 36_500),
  },
  RETENTION_DAYS: {
    about:
      'Days without activity after which idle sessions are deleted, and age in days at which failed turns and audit entries are deleted; 0: never. Organizations and agents can override it. See [retention](retention.md)',
    ...wholeNumber(0, 0, 36_500),
  },
  AUDIT_RETENTION_DAYS_MIN: {
    about:
      'Minimum number of days that audit entries are kept. Overrides shorter values of `RETENTION_DAYS`; organizations cannot set a shorter `retention_days`',
    ...wholeNumber(30, 1, 36_500),
  },
  AUDIT_RETENTION_DAYS_MAX: {
    about: 'Maximum number of days that audit entries are kept in every organization; 0: no limit',
    ...wholeNumber(400, 0, 36_500),
  },
}
