import { hash } from 'node:crypto'
import { idPrefixes } from '@outlast/contract'
import type { Config } from '../config.ts'
import { ApiError } from '../errors.ts'
import type { Log } from '../log.ts'
import { changesBetween, readRevision, subjectOf } from '../store/access/access-changes.ts'
import { touchAgentKeys } from '../store/access/agent-keys.ts'
import { findKeyByHash, type KeyUse, touchKeys } from '../store/access/api-keys.ts'
import { findLogin, membershipsOf } from '../store/access/logins.ts'
import { findRole } from '../store/access/members.ts'
import { type ConnectionShares, unknownCallers } from '../store/connection-shares.ts'
import type { Db } from '../store/database.ts'
import { acceptsUser } from './administrator.ts'
import { agentKeyStart, readAgentKey, readRuntimeToken } from './agent-keys.ts'
import { dropExpired, findUnexpired } from './expired-entries.ts'
import type { Identities } from './identity/identities.ts'
import { createConnectionChecks, type OpenConnection } from './open-connections.ts'
import { type Level, levelOf, levelOfKey, type Principal } from './principal.ts'
import { readSessionToken } from './session-tokens.ts'
import type { Tokens } from './tokens.ts'

/** How long a node trusts its caches before it checks for revocations. */
const believedMs = 400
const entriesMax = 100_000
const touchAfterMs = 300_000
const touchPauseMs = 2_000
const touchesMax = 1_000

/** A signed-in user; the request names the organization. */
export type SignedIn = Pick<Principal, 'id' | 'name' | 'loginId'> & { email: string }

/** The caller of a credential: a complete principal, or a user without a chosen organization. */
export type Bearer = { principal: Principal } | { user: SignedIn }

type MemberRef = { orgId: string; userId: string }

type Entry = {
  subjects: string[]
  expiresAt: number
  bearer: Bearer
  /** For keys: when their last use was written to the table. */
  touchedAt?: number
}

/**
 * Authenticates callers. Results are cached, so that most requests run no statement. No node uses
 * a cached result for a request that arrives over 400 ms after its change, even when hints between
 * nodes are lost.
 */
export type Credentials = {
  /**
   * Contract: undefined if the cache is not fresh. `connection`: a connection often repeats a
   * credential.
   */
  known: (credential: string, connection?: object) => Bearer | undefined
  /** Contract: throws 401. */
  find: (credential: string) => Promise<Bearer>
  /** A user's role in an organization; undefined for a user without membership. */
  role: (orgId: string, userId: string) => Promise<Principal['role'] | undefined>
  /** The organization of a user with exactly one membership. */
  home: (userId: string) => Promise<string | undefined>
  /**
   * Calls `ended` once when the streams of a credential must close: the credential was revoked or
   * has expired, or its user is no longer a member. Returns a function that ends the watch.
   */
  watch: (opened: OpenConnection, ended: () => void) => () => void
  /** Drops all caches and checks all open connections: commits may be lost. */
  forget: () => void
  stop: () => Promise<void>
}

/** Where to read an owner's rows: its share of the connections, or without waiting for a share. */
type DbOf = (owner: string) => Db

type Options = {
  config: Config
  db: Db
  shares: ConnectionShares
  tokens: Tokens | undefined
  identities: Identities
  log: Log
}

/**
 * Contract: uncached callers are looked up in the share of their owner, keys that were never found
 * in that of unknown callers. Revisions and open streams are checked one at a time, without a
 * share.
 */
export function createCredentials(options: Options): Credentials {
  const { db, shares, log } = options
  const direct: DbOf = () => db
  const beliefs = createBeliefs(db, () => void watches.look())
  const { bearers, roles, refresh, remember } = beliefs
  const uses = createUses(db, log)
  const watches = createConnectionChecks({ log, refresh, stillOpen })
  const printOf = createPrints()
  const read = createReader(options)

  /** Uses the caches as they are: each change that a check finds has all streams checked again. */
  async function stillOpen({ credential, orgId, level, channel }: OpenConnection) {
    const fits = (now: Level) => level === undefined || level === now
    try {
      const bearer = await find(credential, direct)
      if ('principal' in bearer) {
        const { principal } = bearer
        if (principal.channel?.channel.updatedAt !== channel?.updatedAt) return false
        return principal.orgId === orgId && fits(principal.level)
      }
      const role = await roleOf({ orgId, userId: bearer.user.id }, direct)
      return role !== undefined && fits(levelOf(role))
    } catch (error) {
      // An identity provider that does not answer has ended nothing.
      if (error instanceof ApiError && error.status < 500) return false
      throw error
    }
  }

  function cached(credential: string, connection?: object): Bearer | undefined {
    const entry = findUnexpired(bearers, printOf(credential, connection), Date.now())
    if (!entry) return undefined
    uses.touch(entry)
    return entry.bearer
  }

  async function find(credential: string, dbOf: DbOf): Promise<Bearer> {
    const found = cached(credential)
    if (found) return found
    const print = fingerprint(credential)
    const before = beliefs.version()
    const entry = await read(credential, print, dbOf)
    if (entry.expiresAt <= Date.now()) throw new ApiError('invalid_token')
    dropExpired(bearers, Date.now())
    remember(bearers, print, { value: entry, before })
    uses.touch(entry)
    return entry.bearer
  }

  async function roleOf({ orgId, userId }: MemberRef, dbOf: DbOf) {
    const subject = subjectOf.member(orgId, userId)
    const found = roles.get(subject)
    if (found) return found
    const before = beliefs.version()
    const role = await findRole(dbOf(userId), orgId, userId)
    if (role) remember(roles, subject, { value: role, before })
    return role
  }

  return {
    known: (credential, connection) =>
      beliefs.isFresh() ? cached(credential, connection) : undefined,
    watch: watches.add,
    forget() {
      beliefs.forget()
      void watches.look()
    },
    find: (credential) => refresh().then(() => find(credential, shares)),
    role: (orgId, userId) => refresh().then(() => roleOf({ orgId, userId }, shares)),
    home: (userId) => refresh().then(() => homeOf(beliefs, shares(userId), userId)),
    async stop() {
      watches.stop()
      await uses.stop()
    },
  }
}

/**
 * Creates a function that reads credentials from the database, known keys in the share of their
 * owner.
 */
function createReader({
  config,
  tokens,
  identities,
}: Pick<Options, 'config' | 'tokens' | 'identities'>) {
  /** The organizations of API keys by fingerprint, also of keys that must be looked up again. */
  const owners = new Map<string, string>()
  return async (credential: string, print: string, dbOf: DbOf): Promise<Entry> => {
    if (!credential.startsWith(keyStart)) {
      const known = await identities.read(dbOf(unknownCallers), credential)
      return known ?? readToken({ config, tokens }, dbOf, credential)
    }
    try {
      const read = credential.startsWith(agentKeyStart) ? readAgentKey : readKey
      const entry = await read(dbOf(owners.get(print) ?? unknownCallers), credential)
      if ('principal' in entry.bearer) put(owners, print, entry.bearer.principal.orgId)
      return entry
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) owners.delete(print)
      throw error
    }
  }
}

/** Creates caches of callers. A value is cached if the version is still that before its read. */
function createBeliefs(db: Db, onChange: () => void) {
  const bearers = new Map<string, Entry>()
  const roles = new Map<string, Principal['role']>()
  const homes = new Map<string, string>()
  /** Replaced when the revision of the table has changed, and when all is forgotten. */
  let version = { revision: -1 }
  let checkedAt = Number.NEGATIVE_INFINITY
  let checking: Promise<void> | undefined

  const isFresh = (now = performance.now()) => now - checkedAt < believedMs

  async function check() {
    const begun = performance.now()
    const before = version
    const latest = await readRevision(db)
    const isChanged = latest !== before.revision
    const changed = isChanged ? await changesSince(before, latest) : []
    // All was forgotten meanwhile: `refresh` checks again.
    if (version !== before) return
    if (isChanged) {
      drop(changed)
      version = { revision: latest }
      onChange()
    }
    checkedAt = begun
  }

  const changesSince = async ({ revision }: typeof version, latest: number) =>
    revision < 0 ? undefined : changesBetween(db, revision, latest)

  function drop(changed: string[] | undefined) {
    if (changed === undefined) {
      bearers.clear()
      roles.clear()
      homes.clear()
      return
    }
    const gone = new Set(changed)
    for (const [key, { subjects }] of bearers) {
      if (subjects.some((subject) => gone.has(subject))) bearers.delete(key)
    }
    for (const subject of gone) {
      roles.delete(subject)
      homes.delete(subject)
    }
  }

  return {
    bearers,
    roles,
    homes,
    version: () => version,
    isFresh,
    /**
     * Contract: the latest check began at most `believedMs` before this call, however long it took.
     */
    async refresh() {
      const asked = performance.now()
      while (!isFresh(asked)) {
        checking ??= check().finally(() => {
          checking = undefined
        })
        await checking
      }
    },
    /** Caches a value unless the version has changed since `before`. */
    remember<T>(into: Map<string, T>, key: string, read: { value: T; before: typeof version }) {
      if (version === read.before) put(into, key, read.value)
    },
    forget() {
      drop(undefined)
      version = { revision: -1 }
      checkedAt = Number.NEGATIVE_INFINITY
    },
  }
}

async function homeOf(
  { homes, version, remember }: ReturnType<typeof createBeliefs>,
  db: Db,
  userId: string,
): Promise<string | undefined> {
  const subject = subjectOf.user(userId)
  const found = homes.get(subject)
  if (found) return found
  const before = version()
  const memberships = await membershipsOf(db, userId)
  if (memberships.length !== 1) return undefined
  const { org_id } = memberships[0]!
  remember(homes, subject, { value: org_id, before })
  return org_id
}

/** Fingerprints credentials; a credential repeated on a connection is hashed once. */
function createPrints() {
  /** The latest credential of a connection, and its fingerprint. */
  const latest = new WeakMap<object, { credential: string; print: string }>()
  return (credential: string, connection: object | undefined): string => {
    if (connection === undefined) return fingerprint(credential)
    const last = latest.get(connection)
    if (last?.credential === credential) return last.print
    const print = fingerprint(credential)
    latest.set(connection, { credential, print })
    return print
  }
}

function put<T>(into: Map<string, T>, key: string, value: T) {
  if (into.size >= entriesMax && !into.has(key)) into.delete(into.keys().next().value!)
  into.set(key, value)
}

/** Cache key: a hash, so that a memory dump does not leak credentials. */
const fingerprint = (credential: string) => hash('sha256', credential, 'base64')

export const keyStart = 'evr_'
const keyPattern = /^evr_[0-9a-f]{64}$/

async function readKey(db: Db, key: string): Promise<Entry> {
  if (!keyPattern.test(key)) throw new ApiError('invalid_api_key_format')
  const found = await findKeyByHash(db, hash('sha256', key, 'hex'))
  if (!found) throw new ApiError('invalid_api_key')
  const expiresAt =
    found.expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(found.expires_at)
  if (expiresAt <= Date.now()) throw new ApiError('api_key_expired')
  if (found.role === null) throw new ApiError('api_key_without_user')
  const { org_id: orgId, id, user_id: userId, name, scopes, ancestors } = found
  const level = levelOfKey(scopes, found.role)
  if (level === undefined) throw new ApiError('invalid_api_key')
  // Creating owners is more than administration: only a key with all permissions of its creator may
  // do so.
  const role = found.role === 'owner' && !scopes.includes('*') ? 'admin' : found.role
  return {
    subjects: [...[id, ...ancestors].map(subjectOf.key), subjectOf.member(orgId, userId)],
    expiresAt,
    touchedAt: found.last_used_at === null ? 0 : Date.parse(found.last_used_at),
    bearer: {
      principal: { kind: 'key', id, name, userId, orgId, role, level, key: { scopes, ancestors } },
    },
  }
}

async function readToken(
  { config, tokens }: Pick<Options, 'config' | 'tokens'>,
  dbOf: DbOf,
  token: string,
): Promise<Entry> {
  if (!tokens) throw new ApiError('invalid_token')
  const access = await tokens.read('access', token)
  if (access === 'expired') throw new ApiError('invalid_token')
  if (access === undefined) {
    return (await readRuntimeToken(dbOf, tokens, token)) ?? readSessionToken(dbOf, tokens, token)
  }
  const login = await findLogin(dbOf(access.sub), access.sid)
  if (login?.user_id !== access.sub || !acceptsUser(config, login)) {
    throw new ApiError('invalid_token')
  }
  const { user_id: id, name, email } = login
  return {
    subjects: [subjectOf.login(access.sid), subjectOf.user(id)],
    expiresAt: access.exp * 1000,
    bearer: { user: { id, name, email, loginId: access.sid } },
  }
}

const partition = (uses: KeyUse[]) => {
  const isOfChannel = ({ id }: KeyUse) => id.startsWith(idPrefixes.agent_key)
  return [uses.filter(isOfChannel), uses.filter((use) => !isOfChannel(use))] as const
}

/** Batches the uses of keys and writes them to the table. */
function createUses(db: Db, log: Log) {
  const waiting = new Map<string, KeyUse>()
  let timer: NodeJS.Timeout | undefined
  async function tell() {
    timer = undefined
    while (waiting.size > 0) {
      const some = [...waiting.values()].slice(0, touchesMax)
      for (const { id } of some) waiting.delete(id)
      const [ofChannels, others] = partition(some)
      const told = Promise.all([
        others.length > 0 && touchKeys(db, others),
        ofChannels.length > 0 && touchAgentKeys(db, ofChannels),
      ])
      await told.catch((error) => log.warn('uses of keys were not recorded', { error }))
    }
  }
  return {
    touch(entry: Entry) {
      const { bearer, touchedAt } = entry
      if (touchedAt === undefined || !('principal' in bearer)) return
      const now = Date.now()
      if (now - touchedAt < touchAfterMs) return
      entry.touchedAt = now
      const { orgId, id } = bearer.principal
      waiting.set(id, { orgId, id, at: new Date(now).toISOString() })
      timer ??= setTimeout(() => void tell(), touchPauseMs)
    },
    async stop() {
      clearTimeout(timer)
      await tell()
    },
  }
}
