import type { Db, Statement } from '../database.ts'

/**
 * Subjects that cached caller data depends on: `key:<id>`, `login:<id>`, `token:<id>`, `user:<id>`,
 * `channel:<id>` or `member:<org>:<user>`. When one changes, every node drops the cache entries
 * that depend on it.
 */
export const subjectOf = {
  key: (id: string) => `key:${id}`,
  login: (id: string) => `login:${id}`,
  token: (id: string) => `token:${id}`,
  user: (id: string) => `user:${id}`,
  channel: (id: string) => `channel:${id}`,
  member: (orgId: string, userId: string) => `member:${orgId}:${userId}`,
}

const record: Statement = {
  name: 'record-access-change',
  text: `
with r as (update access_revision set revision = revision + 1 returning revision)
insert into access_changes (revision, subjects) select revision, $1 from r`,
}

/** Records that these subjects changed: at commit, all nodes drop their cache entries for them. */
export async function recordChange(db: Db, ...subjects: string[]): Promise<void> {
  await db.run(record, [subjects])
}

const skip: Statement = {
  name: 'skip-access-revision',
  text: 'update access_revision set revision = revision + 1',
}

/**
 * Clears the caller caches of all nodes at commit: a new revision without changes counts as too
 * many.
 */
export async function forgetCallers(db: Db): Promise<void> {
  await db.run(skip, [])
}

const read: Statement = {
  name: 'access-revision',
  text: 'select revision from access_revision',
}

/** The latest revision. */
export async function readRevision(db: Db): Promise<number> {
  const [row] = await db.run<{ revision: number }>(read, [])
  return row!.revision
}

const changesMax = 1_000

const since: Statement = {
  name: 'access-changes',
  text: `
select subjects from access_changes where revision > $1 and revision <= $2 order by revision limit ${changesMax + 1}`,
}

/** Changes after one revision up to another. Undefined when too many or no longer stored. */
export async function changesBetween(db: Db, from: number, to: number) {
  const rows = await db.run<{ subjects: string[] }>(since, [from, to])
  const complete = rows.length === to - from && rows.length <= changesMax
  return complete ? rows.flatMap(({ subjects }) => subjects) : undefined
}

const sweep: Statement = {
  name: 'sweep-access-changes',
  text: `delete from access_changes where created_at < now() - interval '1 hour'`,
}

/** Deletes changes that every node has already applied. */
export async function sweepChanges(db: Db): Promise<void> {
  await db.run(sweep, [])
}
