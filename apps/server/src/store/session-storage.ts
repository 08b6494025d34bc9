import { type SqlBool, sql } from 'kysely'
import { ApiError, invalidAt } from '../errors.ts'
import { SealedTextError, type Secrets } from '../secrets.ts'
import { batchesOf } from './batches.ts'
import type { Db, Statement } from './database.ts'
import { StaleAttemptError } from './file-changes.ts'
import type { TurnRun } from './turns.ts'

/** A name under which a session keeps something; never what it keeps. */
export type StoredName = { name: string; created_at: string; updated_at: string }

/**
 * What a session keeps by name: values as they are, secrets encrypted.
 * Contract: secrets without a master key throw the ApiError `secrets_unavailable`.
 */
export type SessionStorage = Record<'values' | 'secrets', NamedTexts>

export type NamedTexts = {
  /** Overwrites what was there. */
  set: (name: string, text: string) => Promise<void>
  /** Undefined when there is nothing under the name. */
  get: (name: string) => Promise<string | undefined>
  /** False when there was nothing. */
  remove: (name: string) => Promise<boolean>
  /** By name. */
  list: () => Promise<StoredName[]>
}

export const storedNameMax = 255
export const storedBytesMax = 65_536
/** Of each kind in one session. Calls side by side may go beyond it by their number. */
const namesMax = 1_000

export type StorageOf = {
  db: Db
  secrets: Secrets | undefined
  orgId: string
  sessionId: string
  /** The attempt at a turn that writes. Once it is not the current one any more, nothing changes. */
  run?: Pick<TurnRun, 'turnId' | 'attempt'> | undefined
}

/**
 * What one session keeps by name.
 * Contract: throws `invalid_request`, `value_too_large`, `storage_full`, `secrets_unavailable`, `secret_unreadable`, 404
 * without the session, and StaleAttemptError.
 */
export function openStorage(of: StorageOf): SessionStorage {
  const values = textsOf(of, 'value')
  const sealed = textsOf(of, 'secret')
  const place = (name: string) => secretPlace({ session_id: of.sessionId, name })
  return {
    values: {
      ...values,
      async set(name, text) {
        checkText(text)
        if (text.includes('\0')) throw invalidAt('value', 'cannot hold NUL')
        await values.set(name, text)
      },
    },
    secrets: {
      ...sealed,
      async set(name, text) {
        checkText(text)
        await sealed.set(name, masterKeysOf(of).seal(text, place(name)))
      },
      async get(name) {
        const secrets = masterKeysOf(of)
        const envelope = await sealed.get(name)
        return envelope === undefined ? undefined : openSecret(secrets, envelope, place(name))
      },
    },
  }
}

function masterKeysOf({ secrets }: StorageOf): Secrets {
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

function checkText(text: string): void {
  if (Buffer.byteLength(text) > storedBytesMax) {
    throw new ApiError('value_too_large', String(storedBytesMax))
  }
}

function checkName(name: string): void {
  if (name === '') throw invalidAt('name', 'must not be empty')
  if (name.includes('\0')) throw invalidAt('name', 'cannot hold NUL')
  // Characters of PostgreSQL, not the units that JavaScript counts.
  if ([...name].length > storedNameMax) {
    throw invalidAt('name', `must not have more than ${storedNameMax} characters`)
  }
}

type Kind = 'value' | 'secret'

/** Texts as the table has them. */
function textsOf({ db, orgId, sessionId, run }: StorageOf, kind: Kind): NamedTexts {
  const writer = [orgId, sessionId, run?.turnId ?? null, run?.attempt ?? null]
  return {
    async set(name, text) {
      checkName(name)
      const [done] = await db.run<Written>(write, [...writer, kind, name, text, namesMax])
      checkOpen(done!, run)
      if (done!.changed === 0) throw new ApiError('storage_full', `${namesMax} ${kind}s`)
    },
    async get(name) {
      checkName(name)
      const [found] = await db.run<{ body: string }>(read, [orgId, sessionId, kind, name])
      return found?.body
    },
    async remove(name) {
      checkName(name)
      const [done] = await db.run<Written>(erase, [...writer, kind, name])
      checkOpen(done!, run)
      return done!.changed > 0
    },
    list: () => db.run<StoredName>(names, [orgId, sessionId, kind]),
  }
}

type Written = { open: boolean; changed: number }

function checkOpen({ open }: Written, run: StorageOf['run']): void {
  if (open) return
  if (run) throw new StaleAttemptError(`The turn ${run.turnId} went on elsewhere.`)
  throw new ApiError('not_found', 'Session')
}

/** Held until the statement ends, so that no other attempt begins in the middle of it. */
const writer = `
s as (
  select org_id, id from sessions
  where org_id = $1 and id = $2
    and ($3::text is null or (turn_id = $3 and ($4::integer is null or turn_attempt = $4) and not turn_cancelled))
  for share
)`

const changed = `select exists (select from s) as open, (select count(*) from w) as changed`

const write: Statement = {
  name: 'write-stored-text',
  text: `
with ${writer}, w as (
  insert into session_storage (org_id, session_id, kind, name, body)
  select org_id, id, $5, $6, $7 from s
  where (
    select count(*) from session_storage where session_id = $2 and kind = $5 and name <> $6
  ) < $8::integer
  on conflict (session_id, kind, name) do update set body = excluded.body, updated_at = clock_timestamp()
  returning 1
)
${changed}`,
}

const erase: Statement = {
  name: 'erase-stored-text',
  text: `
with ${writer}, w as (
  delete from session_storage t using s
  where t.session_id = s.id and t.kind = $5 and t.name = $6
  returning 1
)
${changed}`,
}

const read: Statement = {
  name: 'read-stored-text',
  text: 'select body from session_storage where org_id = $1 and session_id = $2 and kind = $3 and name = $4',
}

const names: Statement = {
  name: 'list-stored-names',
  text: `
select name, created_at, updated_at from session_storage
where org_id = $1 and session_id = $2 and kind = $3 order by name`,
}

export type SealedSecret = { org_id: string; session_id: string; name: string; body: string }

/** The place that a secret is sealed for. */
export const secretPlace = ({ session_id, name }: Pick<SealedSecret, 'session_id' | 'name'>) =>
  `session_storage.body of ${session_id} under ${name}`

const batchSize = 500

/** Every secret of every session, sealed, in batches. */
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

/** Puts a new envelope of the same secret in the place of the one that was read. Contract: false if that is not there any more. */
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
