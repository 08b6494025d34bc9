import type { Db, Statement } from '../database.ts'
import { isSameText, type LiveMessage, type Piece } from './live-message.ts'

/** A copy of a running message, stored at the request of another node. */
export type Snapshot = Omit<LiveMessage, 'texts'> & { readonly sessionId: string }

const write: Statement = {
  name: 'write-snapshots',
  text: `
insert into snapshots (session_id, sequence, turn_id, context, pieces, length)
select session_id, sequence, turn_id, context::json, pieces::json, length
from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::integer[])
  as s(session_id, sequence, turn_id, context, pieces, length)
on conflict (session_id) do update set sequence = excluded.sequence, turn_id = excluded.turn_id,
  context = excluded.context, pieces = excluded.pieces, length = excluded.length, written_at = now()
where excluded.sequence >= snapshots.sequence`,
}

/** Stores snapshots. Contract: the snapshot of a newer message stays. */
export async function writeSnapshots(db: Db, snapshots: Snapshot[]): Promise<void> {
  await db.run(write, [
    snapshots.map(({ sessionId }) => sessionId),
    snapshots.map(({ sequence }) => sequence),
    snapshots.map(({ turnId }) => turnId),
    snapshots.map(({ context }) => context),
    snapshots.map(({ pieces }) => JSON.stringify(joined(pieces))),
    snapshots.map(({ length }) => length),
  ])
}

/** Merges pieces into as few as their kinds allow. */
function joined(pieces: readonly Piece[]): Piece[] {
  const runs: { first: Piece; texts: string[] }[] = []
  for (const piece of pieces) {
    const open = runs.at(-1)
    if (open && isSameText(open.first, piece)) open.texts.push(piece.text)
    else runs.push({ first: piece, texts: [piece.text] })
  }
  return runs.map(({ first, texts }) => ({ ...first, text: texts.join('') }))
}

const read: Statement = {
  name: 'read-snapshots',
  text: `
select session_id, sequence, turn_id, context::text as context, pieces, length
from snapshots where session_id = any($1)`,
}

type Row = {
  session_id: string
  sequence: number
  turn_id: string
  context: string
  pieces: Piece[]
  length: number
}

export async function readSnapshots(db: Db, sessionIds: string[]): Promise<Snapshot[]> {
  const rows = await db.run<Row>(read, [sessionIds])
  return rows.map(({ session_id: sessionId, turn_id: turnId, ...rest }) => ({
    sessionId,
    turnId,
    ...rest,
  }))
}

/** The newest snapshot of a session's running message, or of an earlier one: see `sequence`. */
export async function findSnapshot(db: Db, sessionId: string): Promise<Snapshot | undefined> {
  const [snapshot] = await readSnapshots(db, [sessionId])
  return snapshot
}

/** Deletes the snapshot of a message that has ended. */
export async function removeSnapshot(db: Db, sessionId: string, sequence: number): Promise<void> {
  await db.kysely
    .deleteFrom('snapshots')
    .where('session_id', '=', sessionId)
    .where('sequence', '=', sequence)
    .execute()
}

const sweep: Statement = {
  name: 'sweep-snapshots',
  text: `delete from snapshots where written_at < now() - interval '1 hour'`,
}

/** Deletes snapshots that dead nodes left behind. */
export async function sweepSnapshots(db: Db): Promise<void> {
  await db.run(sweep, [])
}

const place: Statement = {
  name: 'stream-place',
  text: `
select e.sequence, e.type, (select ts from events where session_id = s.id and sequence = $3) as ts
from sessions s left join lateral (
  select sequence, type from events
  where session_id = s.id and sequence <= $3
    and type in ('output.message.started', 'output.message.completed')
  order by sequence desc limit 1
) e on s.status = 'active'
where s.org_id = $1 and s.id = $2`,
}

type PlaceRow = { sequence: number | null; type: string | null; ts: string | null }

/**
 * Finds the place of a client with events up to `sequence`. `running`: sequence of the
 * `output.message.started` that is open there; 0 for none. `ts`: when the event was stored.
 */
export async function findStreamPlace(
  db: Db,
  { orgId, sessionId }: { orgId: string; sessionId: string },
  sequence: number,
): Promise<{ running: number; ts: string | undefined }> {
  const [row] = await db.run<PlaceRow>(place, [orgId, sessionId, sequence])
  const isOpen = row?.type === 'output.message.started'
  return { running: isOpen ? (row.sequence ?? 0) : 0, ts: row?.ts ?? undefined }
}
