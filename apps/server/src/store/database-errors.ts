import pg from 'pg'

/**
 * How the server handles an error of the database.
 *
 * | Decision | A request | A turn that holds a reply or a tool result | A turn that holds nothing |
 * |---|---|---|---|
 * | `retry` | 503 with Retry-After | retries soon | retries soon |
 * | `unavailable` | 503 with Retry-After | retries with backoff | retries with backoff |
 * | `give back` | 500, logged | retries with backoff | moves to another node |
 * | `defect` | 500, logged | ends as failed: it can never be stored | retries |
 *
 * `retry`: a conflict with another transaction. `unavailable`: the database cannot do it now. `give
 * back`: this node and this database are incompatible; only an internal error counts as a failed
 * attempt. `defect`: the statement or its values are invalid, which counts as a failed attempt.
 */
export type Decision = 'retry' | 'unavailable' | 'give back' | 'defect'

/** By class: the first two characters of a SQLSTATE. PostgreSQL's Appendix A, complete. */
export const decisionsByClass: Readonly<Record<string, Decision>> = {
  '00': 'defect', // successful completion
  '01': 'defect', // warning
  '02': 'defect', // no data
  '03': 'defect', // SQL statement not yet complete
  '08': 'unavailable', // connection exception
  '09': 'defect', // triggered action exception
  '0A': 'give back', // feature not supported: a plan that another version's migration made invalid
  '0B': 'give back', // invalid transaction initiation
  '0F': 'defect', // locator exception
  '0L': 'give back', // invalid grantor
  '0P': 'give back', // invalid role specification
  '0Z': 'defect', // diagnostics exception
  '10': 'defect', // XQuery error
  '20': 'defect', // case not found
  '21': 'defect', // cardinality violation
  '22': 'defect', // data exception
  '23': 'defect', // integrity constraint violation
  '24': 'defect', // invalid cursor state
  '25': 'give back', // invalid transaction state
  '26': 'give back', // invalid SQL statement name: a pooler assigned the session to another client
  '27': 'defect', // triggered data change violation
  '28': 'unavailable', // invalid authorization: the password or the role is being changed
  '2B': 'give back', // dependent privilege descriptors still exist
  '2D': 'give back', // invalid transaction termination
  '2F': 'defect', // SQL routine exception
  '34': 'defect', // invalid cursor name
  '38': 'defect', // external routine exception
  '39': 'defect', // external routine invocation exception
  '3B': 'give back', // savepoint exception
  '3D': 'unavailable', // invalid catalog name: the database is being restored or renamed
  '3F': 'give back', // invalid schema name
  '40': 'retry', // transaction rollback
  '42': 'give back', // syntax error or access rule violation: another schema, a lost privilege
  '44': 'defect', // WITH CHECK OPTION violation
  '53': 'unavailable', // insufficient resources
  '54': 'defect', // program limit exceeded
  '55': 'unavailable', // object not in prerequisite state
  '57': 'unavailable', // operator intervention
  '58': 'unavailable', // system error
  '72': 'unavailable', // snapshot failure
  F0: 'unavailable', // configuration file error
  HV: 'unavailable', // foreign data wrapper error
  P0: 'defect', // PL/pgSQL error
  XX: 'give back', // internal error
}

/** Codes that differ from their class. */
const byCode: Record<string, Decision> = {
  '25006': 'unavailable', // read-only transaction: a standby, or storage that is nearly full
  '25P03': 'unavailable', // idle in transaction for too long
  '25P04': 'unavailable', // transaction for too long
  '42501': 'unavailable', // insufficient privilege: grants are being changed
  '55006': 'retry', // object in use
  '55P03': 'retry', // lock not available
  '57014': 'unavailable', // statement timeout
}

/** Codes of poolers, managed services and later versions: the database may recover. */
const ofUnknownCode: Decision = 'unavailable'

/** Node's error codes for an unreachable network or server. */
const networkCodes = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'ENOENT',
  'ENOTCONN',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

/** Node's error codes for an invalid certificate or a failed handshake. */
const tlsCodes = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/

/** Messages of pg and its pool, whose errors have no code. */
const driverMessages = new RegExp(
  [
    '^Connection terminated',
    'timeout exceeded when trying to connect',
    '^Client has encountered',
    '^Client was closed',
    '^Query read timeout',
    '^timeout expired',
    '^Received unexpected \\w+ message from backend',
    '^SASL: ',
    '^The server does not support SSL',
    '^There was an error establishing an SSL connection',
  ].join('|'),
)

const sqlState = /^[0-9A-Z]{5}$/

const readOnly = '25006'

/** The error of a write statement on a standby. */
export const standbyError = () =>
  Object.assign(new pg.DatabaseError('the server is a standby', 0, 'error'), { code: readOnly })

/** True for a write on a standby, or where default_transaction_read_only is on. */
export const isReadOnly = (error: unknown) =>
  error instanceof pg.DatabaseError && error.code === readOnly

/** Decides how to handle an error; undefined when it is not an error of the database. */
export function decide(error: unknown): Decision | undefined {
  if (error instanceof pg.DatabaseError) return decideCode(error.code ?? '')
  if (!(error instanceof Error)) return undefined
  const { name, code = '' } = error as NodeJS.ErrnoException
  // Errors from the thread of tools have lost their class.
  if (name === 'error' && sqlState.test(code)) return decideCode(code)
  const isAway = networkCodes.has(code) || tlsCodes.test(code) || driverMessages.test(error.message)
  return isAway ? 'unavailable' : undefined
}

/** Decides how to handle a SQLSTATE. */
const decideCode = (code: string): Decision =>
  byCode[code] ?? decisionsByClass[code.slice(0, 2)] ?? ofUnknownCode

/** True when the request is valid: the database failed, and may recover. */
export function isUnavailable(error: unknown): boolean {
  const decision = decide(error)
  return decision === 'retry' || decision === 'unavailable'
}

/** True unless a retry can never succeed because the data or the code is wrong. */
export function mayPass(error: unknown): boolean {
  const decision = decide(error)
  return decision !== undefined && decision !== 'defect'
}

/**
 * True when this node is incompatible with the database as it is; another node may be compatible.
 */
export const isForAnother = (error: unknown) => decide(error) === 'give back'

/** True for a fault inside PostgreSQL that the turn's data may cause, on every node. */
export const isInternal = (error: unknown) =>
  error instanceof pg.DatabaseError && error.code?.startsWith('XX') === true

/**
 * True for a statement that was ended before all its rows were read: by the database, or by
 * `limitQueries` while the rows were being sent.
 */
export const isStatementTimeout = (error: unknown) =>
  error instanceof Error &&
  ((error as { code?: string }).code === '57014' || error.message === 'Query read timeout')

/** True for a statement, or a wait for a connection, that timed out. */
export const isTimeout = (error: unknown) =>
  error instanceof Error &&
  ((error as { code?: string }).code === '57014' || /timeout/.test(error.message))

/** Describes the database's fault in a sentence, without its address and user. */
export function describeOutage(error: unknown): string {
  if (isReadOnly(error)) return 'The database accepts no writes: it is read-only, or a standby.'
  if (isTimeout(error)) return 'The database does not answer in time.'
  if (isUnavailable(error)) return 'The database is not available.'
  return 'The database is incompatible with this version of the server.'
}

const retryMsMin = 50
const unavailableMsMin = 250
const backoffMsMax = 1_000

/**
 * Returns a backoff in ms; `tries` counts from 1. Jittered, so that waiting turns do not coincide.
 */
export function backoffMs(error: unknown, tries: number): number {
  const first = decide(error) === 'retry' ? retryMsMin : unavailableMsMin
  return Math.min(first * 2 ** (tries - 1), backoffMsMax) * (0.5 + Math.random() / 2)
}

/** True for a lock that another transaction held for longer than the lock timeout. */
export const isLockTimeout = (error: unknown) =>
  error instanceof pg.DatabaseError && error.code === '55P03'

/** True when a unique key refused the row. */
export const isDuplicate = (error: unknown) =>
  error instanceof pg.DatabaseError && error.code === '23505'

/** True for a row that refers to one that does not exist. */
export const isMissingReference = (error: unknown) =>
  error instanceof pg.DatabaseError && error.code === '23503'

/** True for a row without a required value. */
export const isMissingValue = (error: unknown) =>
  error instanceof pg.DatabaseError && error.code === '23502'

const noConnection = 'timeout exceeded when trying to connect'
const noConnectionMade = new RegExp(
  `^(${noConnection}|Connection terminated due to connection timeout)`,
)

/**
 * True when no connection of the pool was free in time: all in use, or no new one could be made.
 */
export const isPoolTimeout = (error: unknown) =>
  error instanceof Error && noConnectionMade.test(error.message)

/** The pool's own error, for work that waits ahead of its queue. */
export const poolTimeout = () => new Error(noConnection)
