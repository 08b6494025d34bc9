import type { EventMessage } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'
import { readableJson } from '../stored-json.ts'

const input: Statement = {
  name: 'turn-input',
  text: `
select e.data from sessions s
join events e on e.session_id = s.id and e.type = 'input.message' and e.sequence >= s.turn_from
  and ${readableJson('e.data')}->'message'->>'id' = s.turn_input
where s.org_id = $1 and s.id = $2 limit 1`,
}

/** Finds the message that started the open turn of a session; undefined without one. */
export async function findTurnInput(db: Db, orgId: string, sessionId: string) {
  type Row = { data: { message: EventMessage } }
  const [found] = await db.run<Row>(input, [orgId, sessionId])
  return found?.data.message
}
