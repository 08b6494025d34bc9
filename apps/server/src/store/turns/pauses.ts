import type { Db, Statement } from '../database.ts'

const note: Statement = {
  name: 'note-pause',
  text: `
insert into pauses (turn_id, error_code, until) values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
on conflict (turn_id) do update set
  error_code = excluded.error_code, since = excluded.since, until = excluded.until`,
}

/** Stores until when a turn waits before retrying a model call. Used only by `explainSession`. */
export async function notePause(db: Db, turnId: string, pause: { code: string; ms: number }) {
  await db.run(note, [turnId, pause.code, pause.ms])
}

/** Deletes pauses that have ended. */
export async function sweepPauses({ kysely }: Db): Promise<void> {
  await kysely
    .deleteFrom('pauses')
    .where('until', '<', new Date(Date.now() - keptMs).toISOString())
    .execute()
}

/** Far beyond any difference between clocks. */
const keptMs = 3_600_000
