import { createHash } from 'node:crypto'
import type { EventContext, EventDataOf, PathChange, Session } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { atomically, type Database, type Db, type Statement } from '../database.ts'
import { readEvents } from '../log/events.ts'
import { appendEvents, eventLists, listedEvents, type NewEvent } from '../log/log-sql.ts'
import { type Publisher, publishEvents, type StoredEvents } from '../log/publish.ts'
import { shardOf } from '../shards.ts'
import { statement, valuesOf } from '../statements.ts'
import {
  addEntries,
  type ContentRef,
  createFile,
  differences,
  type FileEntry,
  type FileTree,
  newTree,
} from './file-tree.ts'
import { entryColumns, type FilesOf } from './files.ts'
import { afterPrefix, ancestorsOf, directoryOf, normalizePath, prefixOf } from './paths.ts'
import { withSessionLock } from './session-mutex.ts'
import { StaleAttemptError } from './stale-attempt.ts'

/** Limits of the files of one session. */
export type FileLimits = { fileBytesMax: number; sessionBytesMax: number; filesMax: number }

/** The tool call that changes files, and its attempt, which may no longer be the current one. */
export type ChangedBy = {
  turnId: string
  attempt: () => number | null
  callId: string
  context: EventContext
  /** Aborted when the call ends: its remaining changes are not made. */
  signal?: AbortSignal
}

export type FileTarget = FilesOf & { limits: FileLimits; by?: ChangedBy | undefined }

/** The files of a session while this transaction has exclusive access. */
export type OpenFiles = {
  tree: FileTree
  /** Loads the entries at the paths and above them into the tree. */
  load: (paths: readonly string[]) => Promise<void>
  /** Loads the entries below a directory. */
  loadBelow: (directory: string) => Promise<void>
}

/** Decides the changes to files and applies them to the tree. */
export type FileWork<T> = (files: OpenFiles, db: Db) => T | Promise<T>

export type Changed<T> = {
  result: T
  /** Call it once the change is committed: publishes to followers. */
  publish: (bus: Publisher) => void
}

/**
 * Changes files of a session and stores the matching events, all or nothing, one caller at a time.
 * Contract: throws 404 without the session, StaleAttemptError, 413 over a limit, and the errors of
 * `work`.
 */
export async function changeFiles<T>(
  db: Db | Database,
  target: FileTarget,
  work: FileWork<T>,
): Promise<Changed<T>> {
  const change = async () => {
    target.by?.signal?.throwIfAborted()
    return atomically(db, (db) => changeHeld(db, target, work))
  }
  // An open transaction already has its connection: waiting here saves nothing.
  return 'transaction' in db ? withSessionLock(target.sessionId, change) : change()
}

async function changeHeld<T>(db: Db, target: FileTarget, work: FileWork<T>): Promise<Changed<T>> {
  const held = await lockRow(db, target)
  target.by?.signal?.throwIfAborted()
  const tree = newTree(held.now)
  const result = await work(opened(db, target.sessionId, tree), db)
  const what = differences(tree)
  checkFileLimits(held, what, target.limits)
  await store(db, target, what)
  const stored = await appendChanges(db, target, { ...what, changes: tree.changes })
  return { result, publish: (bus) => stored && publishEvents(bus, target, stored) }
}

/**
 * Returns whether a call changed files, as events after `after` record it. Waits for a change that
 * is being committed: after an error, or without an answer, it may have been made.
 * Contract: throws 404 without the session.
 */
export function hasChangesOfCall(
  db: Database,
  { orgId, sessionId, callId, after }: FilesOf & Pick<ChangedBy, 'callId'> & { after: number },
): Promise<boolean> {
  const read = { after, types: ['files.changed'], limit: eventsReadMax }
  return withSessionLock(sessionId, () =>
    db.transaction(async (db) => {
      await lockRow(db, { orgId, sessionId })
      const rows = await readEvents(db, sessionId, read)
      return rows.some(({ data }) => changesOf(data).tool_call_id === callId)
    }),
  )
}

/** More than the changes that calls make at once. */
const eventsReadMax = 10_000

const changesOf = (data: string): EventDataOf<'files.changed'> => JSON.parse(data)

type LockedSession = { now: string; file_bytes: number; file_count: number }

const lockSession: Statement = {
  name: 'lock-files',
  text: `
select clock_timestamp()::timestamptz(3) as now, file_bytes, file_count from sessions
where org_id = $1 and id = $2
  and ($3::text is null or (turn_id = $3 and ($4::integer is null or turn_attempt = $4) and not turn_cancelled))
for no key update`,
}

async function lockRow(
  db: Db,
  { orgId, sessionId, by }: Omit<FileTarget, 'limits'>,
): Promise<LockedSession> {
  const values = [orgId, sessionId, by?.turnId ?? null, by?.attempt() ?? null]
  const [held] = await db.run<LockedSession>(lockSession, values)
  if (held) return held
  if (by) throw new StaleAttemptError(`Another attempt has taken over the turn ${by.turnId}.`)
  throw new ApiError('not_found', 'Session')
}

const byPaths: Statement = {
  name: 'files-at',
  text: `select ${entryColumns} from files f where f.session_id = $1 and f.path = any($2)`,
}

const below: Statement = {
  name: 'files-below',
  text: `
select ${entryColumns} from files f
where f.session_id = $1 and f.path > $2 collate "C" and f.path < $3 collate "C"`,
}

function opened(db: Db, sessionId: string, tree: FileTree): OpenFiles {
  return {
    tree,
    async load(paths) {
      const all = new Set(paths.flatMap((path) => [path, ...ancestorsOf(path)]))
      addEntries(tree, await db.run<FileEntry>(byPaths, [sessionId, [...all]]))
    },
    async loadBelow(directory) {
      const prefix = prefixOf(directory)
      addEntries(tree, await db.run<FileEntry>(below, [sessionId, prefix, afterPrefix(prefix)]))
    },
  }
}

type What = ReturnType<typeof differences>

function checkFileLimits(held: LockedSession, { bytes, count }: What, limits: FileLimits): void {
  if (bytes > 0 && held.file_bytes + bytes > limits.sessionBytesMax) {
    throw new ApiError('session_files_full', `${limits.sessionBytesMax} bytes`)
  }
  if (count > 0 && held.file_count + count > limits.filesMax) {
    throw new ApiError('session_files_full', `${limits.filesMax} files and directories`)
  }
}

const remove: Statement = {
  name: 'remove-files',
  text: 'delete from files where session_id = $1 and path = any($2)',
}

const write = statement(
  'write-files',
  `
insert into files (org_id, session_id, path, directory, id, is_directory, is_readonly, hash, size_bytes, created_at, updated_at)
select :orgId, :sessionId, n.* from unnest(
  :paths::text[], :directories::text[], :ids::uuid[], :areDirectories::boolean[], :areReadonly::boolean[], :hashes::text[],
  :sizes::integer[], :created::timestamptz[], :updated::timestamptz[]
) as n
on conflict (session_id, path) do update set
  id = excluded.id,
  is_directory = excluded.is_directory,
  is_readonly = excluded.is_readonly,
  hash = excluded.hash,
  size_bytes = excluded.size_bytes,
  created_at = excluded.created_at,
  updated_at = excluded.updated_at`,
)

async function store(db: Db, { orgId, sessionId }: FilesOf, { written, removed }: What) {
  if (removed.length > 0) await db.run(remove, [sessionId, removed])
  if (written.length === 0) return
  const values = valuesOf(write, {
    orgId,
    sessionId,
    paths: written.map(({ path }) => path),
    directories: written.map(({ path }) => directoryOf(path)),
    ids: written.map(({ id }) => id),
    areDirectories: written.map(({ is_directory }) => is_directory),
    areReadonly: written.map(({ is_readonly }) => is_readonly),
    hashes: written.map(({ hash }) => hash),
    sizes: written.map(({ size_bytes }) => size_bytes),
    created: written.map(({ created_at }) => created_at),
    updated: written.map(({ updated_at }) => updated_at),
  })
  await db.run(write, values)
}

const append = statement(
  'append-file-events',
  `
with s as (
  update sessions set
    sequence = sequence + cardinality(:types::text[]),
    file_bytes = file_bytes + :bytes,
    file_count = file_count + :count,
    stored_bytes = stored_bytes + :logBytes,
    updated_at = clock_timestamp()
  where org_id = :orgId and id = :sessionId
  returning org_id, id, agent_id, sequence, updated_at, cardinality(:types::text[]) as added
), ${appendEvents(listedEvents)}, c as (
  insert into counters as c (org_id, agent_id, shard, stored_bytes) select org_id, agent_id, :shard, :bytes + :logBytes from s
  on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes
)
select sequence, updated_at::timestamptz(3) as ts from s`,
)

const changesPerEvent = 1_000

type Recorded = Pick<What, 'bytes' | 'count'> & { changes: PathChange[] }

async function appendChanges(
  db: Db,
  target: FileTarget,
  { changes, bytes, count }: Recorded,
): Promise<StoredEvents | undefined> {
  if (changes.length === 0 && count === 0) return undefined
  const { orgId, sessionId, by } = target
  const context = JSON.stringify(by?.context ?? {})
  const data: string[] = []
  for (let at = 0; at < changes.length; at += changesPerEvent) {
    const told: EventDataOf<'files.changed'> = {
      changes: changes.slice(at, at + changesPerEvent),
      ...(by && { tool_call_id: by.callId }),
    }
    data.push(JSON.stringify(told))
  }
  const logBytes = data.reduce((sum, { length }) => sum + length, 0)
  const events = data.map((text): NewEvent => ({ type: 'files.changed', context, data: text }))
  const shard = shardOf(sessionId)
  const given = { orgId, sessionId, ...eventLists(events), bytes, count, logBytes, shard }
  const values = valuesOf(append, given)
  const [stored] = await db.run<{ sequence: number; ts: string }>(append, values)
  const { sequence, ts } = stored!
  return { first: sequence - events.length + 1, ts, events }
}

type Mounted = { path: string; content: string | Buffer; isReadonly: boolean }
type KeptMount = { path: string; content: ContentRef; isReadonly: boolean }

/**
 * Stores the bytes of a session's first files before the session exists. A transaction that holds
 * counters then never waits for bytes, and all transactions take bytes in the same order.
 */
export async function keepMounts(
  db: Db,
  orgId: string,
  { mounts, limits }: { mounts: readonly Mounted[]; limits: FileLimits },
): Promise<KeptMount[]> {
  const all = mounts.map((mount) => {
    const bytes = Buffer.from(mount.content)
    return { ...mount, bytes, hash: bytesHash(bytes) }
  })
  const kept = new Map<string, ContentRef>()
  for (const { bytes, hash } of all.toSorted((a, b) => (a.hash < b.hash ? -1 : 1))) {
    if (!kept.has(hash)) kept.set(hash, await keepBytes(db, orgId, { bytes, limits }))
  }
  return all.map(({ path, isReadonly, hash }) => ({ path, isReadonly, content: kept.get(hash)! }))
}

/** Gives a new session its first files. They exist from the start, so no event is stored. */
export async function mountFiles(
  db: Db,
  { organization_id: orgId, id: sessionId }: Pick<Session, 'organization_id' | 'id'>,
  mounts: readonly KeptMount[],
  limits: FileLimits,
): Promise<void> {
  const target = { orgId, sessionId, limits }
  const held = await lockRow(db, target)
  const tree = newTree(held.now)
  for (const { path, content, isReadonly } of mounts) {
    createFile(tree, normalizePath(path), { content, isReadonly })
  }
  const what = differences(tree)
  checkFileLimits(held, what, limits)
  await store(db, target, what)
  await appendChanges(db, target, { ...what, changes: [] })
}

const keep: Statement = {
  name: 'keep-blob',
  text: `
insert into blobs (org_id, hash, bytes)
select $1, $2, $3 where not exists (
  select from blobs where org_id = $1 and hash = $2 and created_at > now() - interval '30 minutes'
)
on conflict (org_id, hash) do update set created_at = clock_timestamp()`,
}

const bytesHash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/**
 * Stores bytes unless the organization has them. They stay while a file has them, and for at least
 * half an hour. Bytes that many callers bring at once, such as those of a mount, are written by the
 * first caller; the others do not wait for each other.
 * Contract: throws 413 `file_too_large`.
 */
export async function keepBytes(
  db: Db,
  orgId: string,
  { bytes, limits }: { bytes: Buffer; limits: Pick<FileLimits, 'fileBytesMax'> },
): Promise<ContentRef> {
  if (bytes.length > limits.fileBytesMax) {
    throw new ApiError('file_too_large', String(limits.fileBytesMax))
  }
  const hash = bytesHash(bytes)
  await db.run(keep, [orgId, hash, bytes])
  return { hash, size_bytes: bytes.length }
}

/** Reads one page of all bytes: no statement takes long, even for many rows. */
const sweep: Statement = {
  name: 'sweep-blobs',
  text: `
with page as (
  select org_id, hash from blobs where (org_id, hash) > ($1, $2) order by org_id, hash limit $3
), d as (
  delete from blobs where (org_id, hash) in (
    select b.org_id, b.hash from page join blobs b using (org_id, hash)
    where b.created_at < now() - interval '1 hour'
      and not exists (select from files f where f.org_id = b.org_id and f.hash = b.hash)
      and not exists (select from images i where i.org_id = b.org_id and i.hash = b.hash)
    for update of b skip locked
  )
)
select org_id, hash from page order by org_id desc, hash desc limit 1`,
}

const sweptAtOnce = 5_000

/** Deletes bytes without a file or image. */
export async function sweepBlobs(db: Db): Promise<void> {
  let last: { org_id: string; hash: string } | undefined = { org_id: '', hash: '' }
  while (last) {
    const values: unknown[] = [last.org_id, last.hash, sweptAtOnce]
    last = (await db.run<{ org_id: string; hash: string }>(sweep, values))[0]
  }
}
