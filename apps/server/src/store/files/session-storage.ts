import { type SqlBool, sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { SealedTextError, type Secrets } from '../../secrets.ts'
import { batchesOf } from '../batches.ts'
import type { Database, Db, Statement } from '../database.ts'
import { randomShard } from '../shards.ts'
import type { TurnRun } from '../turns/turns.ts'
import { withSessionLock } from './session-mutex.ts'
import { StaleAttemptError } from './stale-attempt.ts'
import {
  checkStoredName,
  checkStoredText,
  checkStoredValue,
  storageFull,
  storedNamesMax,
} from './stored-text-rules.ts'
import type { NamedTexts, SessionStorage, StoredName } from './tool-access.ts'

export type StorageOf = {
  db: Database
  secrets: Secrets | undefined
  orgId: string
  sessionId: string
  /** The writing attempt at a turn. Once it is no longer the current one, nothing changes. */
  run?: (() => Pick<TurnRun, 'turnId' | 'attempt'>) | undefined
  /** Contract: throws when the organization's storage quota is exhausted. */
  checkRoom?: () => Promise<void> | undefined
}

/**
 * Opens the stored texts of one session.
 * Contract: throws `invalid_request`, `value_too_large`, `storage_full`, `secrets_unavailable`,
 * `secret_unreadable`, 404 without the session, and StaleAttemptError.
 */
export function openStorage(of: StorageOf): SessionStorage {
  const values = textsOfKind(of, 'value')
  const sealed = textsOfKind(of, 'secret')
  const place = (name: string) => secretPlace({ session_id: of.sessionId, name })
  return {
    values: {
      ...values,
      async set(name, text) {
        checkStoredValue(text)
        await values.set(name, text)
      },
    },
    secrets: {
      ...sealed,
      async set(name, text) {
        checkStoredText(text)
        await sealed.set(name, masterKeysOf(of).seal(text, place(name)))
      },
      async get(name, options) {
        const secrets = masterKeysOf(of)
        const envelope = await sealed.get(name, options)
        return envelope === undefined ? undefined : openSecret(secrets, envelope, place(name))
      },
    },
  }
}

function masterKeysOf({ secrets }: Pick<StorageOf, 'secrets'>): Secrets {
  if (!secrets) throw new ApiError('secrets_unavailable')
  return secrets
}

function openSecret(secrets: Secrets, envelope: string, place: string): string {
  try {
    return secrets.open(envelope, place)
  } catch (error) {
    if (error instanceof SealedTextError) throw new ApiError('secret_unreadable', error.message)
    throw error
  }
}

type Kind = 'value' | 'secret'
type StoredText = { body: string; hidden_from_model: boolean }

/** The stored texts of one kind, as the table holds them. */
function textsOfKind(of: StorageOf, kind: Kind): NamedTexts {
  const { db, orgId, sessionId } = of
  const change = <T>(work: (db: Db, agentId: string) => Promise<T>) =>
    withSessionLock(sessionId, () =>
      db.transaction(async (db) => work(db, (await lock(db, of)).agent_id)),
    )
  return {
    async set(name, text) {
      checkStoredName(name)
      await of.checkRoom?.()
      return change(async (db, agentId) => {
        const values = [orgId, sessionId, agentId, randomShard(), kind, name, text, storedNamesMax]
        const stored = await db.run(write, values)
        if (stored.length === 0) throw storageFull(kind)
      })
    },
    async get(name, { forModel = false } = {}) {
      checkStoredName(name)
      const [found] = await db.run<StoredText>(read, [orgId, sessionId, kind, name])
      if (forModel && found?.hidden_from_model) throw new ApiError('secret_hidden', name)
      return found?.body
    },
    async remove(name) {
      checkStoredName(name)
      return change(async (db, agentId) => {
        const values = [orgId, sessionId, agentId, randomShard(), kind, name]
        return (await db.run(erase, values)).length > 0
      })
    },
    list: () => db.run<StoredName>(names, [orgId, sessionId, kind]),
  }
}

const hold: Statement = {
  name: 'lock-storage',
  text: `
select agent_id from sessions
where org_id = $1 and id = $2
  and ($3::text is null or (turn_id = $3 and ($4::integer is null or turn_attempt = $4) and not turn_cancelled))
for no key update`,
}

/** Locks the session until commit against other writers and against a new attempt. */
async function lock(db: Db, { orgId, sessionId, ...of }: StorageOf): Promise<{ agent_id: string }> {
  const run = of.run?.()
  const values = [orgId, sessionId, run?.turnId ?? null, run?.attempt ?? null]
  const [held] = await db.run<{ agent_id: string }>(hold, values)
  if (held) return held
  if (run) throw new StaleAttemptError(`Another attempt has taken over the turn ${run.turnId}.`)
  throw new ApiError('not_found', 'Session')
}

/** Adds the change in bytes that `d` computes to the session and to its organization's counters. */
const counted = `
u as (
  update sessions set stored_bytes = stored_bytes + d.bytes from d where org_id = $1 and id = $2
), c as (
  insert into counters as c (org_id, agent_id, shard, stored_bytes) select $1, $3, $4::integer, d.bytes from d
  on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes
)
select from d`

const write: Statement = {
  name: 'write-stored-text',
  text: `
with o as (
  select octet_length(body) as bytes from session_storage where session_id = $2 and kind = $5 and name = $6
), w as (
  insert into session_storage (org_id, session_id, kind, name, body)
  select $1, $2, $5, $6, $7
  where exists (select from o)
    or (select count(*) from session_storage where session_id = $2 and kind = $5) < $8::integer
  on conflict (session_id, kind, name) do update set body = excluded.body, updated_at = clock_timestamp()
  returning octet_length(body) as bytes
), d as (
  select w.bytes - coalesce((select bytes from o), 0) as bytes from w
), ${counted}`,
}

const erase: Statement = {
  name: 'erase-stored-text',
  text: `
with d as (
  delete from session_storage where session_id = $2 and kind = $5 and name = $6
  returning -octet_length(body) as bytes
), ${counted}`,
}

const read: Statement = {
  name: 'read-stored-text',
  text: `
select body, hidden_from_model from session_storage
where org_id = $1 and session_id = $2 and kind = $3 and name = $4`,
}

const names: Statement = {
  name: 'list-stored-names',
  text: `
select name, created_at, updated_at from session_storage
where org_id = $1 and session_id = $2 and kind = $3 order by name`,
}

const allNames: Statement = {
  name: 'list-all-stored-names',
  text: `
select kind, name, created_at, updated_at from session_storage
where org_id = $1 and session_id = $2 order by kind, name`,
}

/** Lists the names of a session's stored texts by kind, without the texts. */
export function listStoredNames(db: Db, orgId: string, sessionId: string) {
  return db.run<StoredName & { kind: Kind }>(allNames, [orgId, sessionId])
}

const allValues: Statement = {
  name: 'list-all-stored-values',
  text: `
select name, body as value, created_at, updated_at from session_storage
where org_id = $1 and session_id = $2 and kind = 'value' order by name`,
}

/** Lists a session's stored values, without its secrets. */
export function listStoredValues(db: Db, orgId: string, sessionId: string) {
  return db.run<StoredName & { value: string }>(allValues, [orgId, sessionId])
}

export type SealedSecret = { org_id: string; session_id: string; name: string; body: string }

/** The place that a secret is sealed for. */
export const secretPlace = ({ session_id, name }: Pick<SealedSecret, 'session_id' | 'name'>) =>
  `session_storage.body of ${session_id} under ${name}`

const batchSize = 500

/** Lists every sealed secret of every session in batches. */
export function listSealedSecrets(db: Db): AsyncGenerator<SealedSecret[]> {
  const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER }
  return batchesOf<SealedSecret>(all, batchSize, ({ after, limit }) =>
    db.kysely
      .selectFrom('session_storage')
      .select(['org_id', 'session_id', 'name', 'body'])
      .where(sql<SqlBool>`kind = 'secret'`)
      .$if(after !== undefined, (q) =>
        q.where(sql<SqlBool>`(session_id, name) > (${after?.session_id}, ${after?.name})`),
      )
      .orderBy('session_id')
      .orderBy('name')
      .limit(limit)
      .execute(),
  )
}

const reseal: Statement = {
  name: 'reseal-secrets',
  text: `
update session_storage k set body = n.body
from unnest($2::text[], $3::text[]) as n(name, body)
where k.session_id = $1 and k.kind = 'secret' and k.name = n.name`,
}

/** Number of secrets opened and sealed before the event loop gets its turn. */
const resealedAtOnce = 20

/**
 * Seals the secrets of a copied session for the copy; they are still sealed for the source.
 * Contract: throws `secrets_unavailable` and `secret_unreadable`.
 */
export async function resealSecrets(
  { db, secrets, orgId }: Pick<StorageOf, 'secrets' | 'orgId'> & { db: Db },
  { from, to }: { from: string; to: string },
): Promise<void> {
  const keys = masterKeysOf({ secrets })
  const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER }
  const batches = batchesOf<SealedSecret>(all, resealedAtOnce, ({ after, limit }) =>
    db.kysely
      .selectFrom('session_storage')
      .select(['org_id', 'session_id', 'name', 'body'])
      .where('org_id', '=', orgId)
      .where('session_id', '=', to)
      .where('kind', '=', 'secret')
      .$if(after !== undefined, (q) => q.where('name', '>', after!.name))
      .orderBy('name')
      .limit(limit)
      .execute(),
  )
  for await (const batch of batches) {
    const sealed = batch.map(({ name, body }) => {
      const text = openSecret(keys, body, secretPlace({ session_id: from, name }))
      return keys.seal(text, secretPlace({ session_id: to, name }))
    })
    await db.run(reseal, [to, batch.map(({ name }) => name), sealed])
  }
}

/** Replaces a secret's envelope with a new one. Contract: false if the old one was replaced. */
export async function replaceSealedSecret(
  db: Db,
  { session_id, name, body }: SealedSecret,
  renewed: string,
): Promise<boolean> {
  const row = await db.kysely
    .updateTable('session_storage')
    .set({ body: renewed })
    .where('session_id', '=', session_id)
    .where('kind', '=', 'secret')
    .where('name', '=', name)
    .where('body', '=', body)
    .returning('name')
    .executeTakeFirst()
  return row !== undefined
}
