import type { Db, Statement } from '../database.ts'
import { lengthEstimate } from '../stored-json.ts'

const results = `events where session_id = $1 and sequence >= $2 and type = 'tool.completed'`

/**
 * Values are read only if their stored sizes leave it open whether they are longer than the limit.
 * The estimate may be a third of the length.
 */
const length: Statement = {
  name: 'length-of-results',
  text: `
with sizes as (
  select coalesce(sum(pg_column_size(data)), 0) as stored, sum(${lengthEstimate('data')}) as estimate
  from ${results}
)
select case when stored > $3 or estimate <= $3 / 3 then stored
  else (select sum(octet_length(data::text)) from ${results}) end::float as length
from sizes`,
}

/**
 * Returns the bytes of the results in a log from an event on: as they are stored, unless these
 * sizes leave it open whether the results exceed a limit.
 */
export async function lengthOfResults(
  db: Db,
  sessionId: string,
  { from, bytesMax }: { from: number; bytesMax: number },
): Promise<number> {
  const [row] = await db.run<{ length: number }>(length, [sessionId, from, bytesMax])
  return row!.length
}
