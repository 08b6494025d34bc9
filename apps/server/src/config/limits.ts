import { wholeNumber } from './readers.ts'

/** Settings of what callers and organizations may use and store, and for how long it is kept. */
export const limitSettings = {
  RATE_LIMIT_KEY: {
    about: 'Requests a minute for each API key; 0: no limit. Limits hold with authentication only',
    ...wholeNumber(6_000, 0, 1_000_000_000),
  },
  RATE_LIMIT_USER: {
    about: 'Requests a minute for each user who signed in, and for each session token',
    ...wholeNumber(1_200, 0, 1_000_000_000),
  },
  RATE_LIMIT_ORG: {
    about: 'Requests a minute for each organization',
    ...wholeNumber(30_000, 0, 1_000_000_000),
  },
  RATE_LIMIT_ADDRESS: {
    about: 'Requests a minute from each address (of IPv6: each /64)',
    ...wholeNumber(12_000, 0, 1_000_000_000),
  },
  CONNECTIONS_PER_ADDRESS: {
    about:
      'Connections from one address that have not signed in yet, while authentication is on; 0: no limit',
    ...wholeNumber(512, 0, 1_000_000),
  },
  QUOTA_SESSIONS: {
    about: 'Sessions of one organization; 0: no limit. Quotas hold with authentication only',
    ...wholeNumber(1_000_000, 0, 1_000_000_000),
  },
  QUOTA_TURNS: {
    about: 'Turns that one organization runs at once; 0: no limit',
    ...wholeNumber(200, 0, 1_000_000),
  },
  QUOTA_STORAGE_MB: {
    about:
      'Megabytes that sessions, agents, prompts and stored answers of one organization take; 0: no limit',
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
    about: 'Session tokens of one session that have not expired; 0: no limit',
    ...wholeNumber(1_000, 0, 1_000_000_000),
  },
  ORGANIZATIONS_PER_USER: {
    about: 'Organizations that one user may own; 0: no limit',
    ...wholeNumber(10, 0, 1_000_000_000),
  },
  STREAMS_PER_CREDENTIAL: {
    about:
      'Streams that one user, key or session token has open on a node at once; 0: no limit. Limits hold with authentication only',
    ...wholeNumber(500, 0, 1_000_000),
  },
  STREAMS_PER_ORGANIZATION: {
    about: 'Streams that one organization has open on a node at once; 0: no limit',
    ...wholeNumber(2_000, 0, 1_000_000),
  },
  SCHEDULES_MAX: {
    about: 'Schedules of one organization, with authentication or without; 0: no limit',
    ...wholeNumber(1_000, 0, 1_000_000_000),
  },
  SCHEDULE_INTERVAL_MIN_SECONDS: {
    about: 'Shortest interval that a new schedule expression may have; with authentication only',
    ...wholeNumber(60, 1, 86_400),
  },
  SCHEDULE_EXECUTIONS_DAYS: {
    about: 'How long executions of schedules are kept once they are over',
    ...wholeNumber(30, 1, 36_500),
  },
  RETENTION_DAYS: {
    about:
      'Days without activity after which idle sessions are deleted, and age at which failed turns and audit entries are; 0: never. Organizations and agents may override it. See [retention](retention.md)',
    ...wholeNumber(0, 0, 36_500),
  },
  AUDIT_RETENTION_DAYS_MIN: {
    about:
      'Days that audit entries are kept at least, whatever `RETENTION_DAYS` and organizations say; organizations cannot set a shorter `retention_days`',
    ...wholeNumber(30, 1, 36_500),
  },
  AUDIT_RETENTION_DAYS_MAX: {
    about: 'Days after which audit entries are deleted in every organization; 0: no limit',
    ...wholeNumber(400, 0, 36_500),
  },
}
