import type { BudgetSubjectType } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'

const exists = (type: string, selection: string): Statement => ({
  name: `budget-subject-${type}`,
  text: `select 1 ${selection}`,
})

/** Statements that find a subject by the organization and its id. */
const statements: Record<Exclude<BudgetSubjectType, 'organization' | 'end_user'>, Statement> = {
  agent: exists('agent', 'from agents where org_id = $1 and id = $2'),
  user: exists('user', 'from members where org_id = $1 and user_id = $2'),
  agent_channel: exists('agent-channel', 'from agent_channels where org_id = $1 and id = $2'),
  api_key: exists(
    'api-key',
    `where exists (select from api_keys where org_id = $1 and id::text = $2)
      or exists (select from agent_keys where org_id = $1 and id = $2)`,
  ),
  session: exists('session', 'from sessions where org_id = $1 and id = $2'),
}

type Subject = { type: BudgetSubjectType; id: string }

/** True if an organization has the subject. End users exist once a session names them. */
export async function hasSubject(db: Db, orgId: string, { type, id }: Subject): Promise<boolean> {
  if (type === 'organization') return id === orgId
  if (type === 'end_user') return true
  return (await db.run(statements[type], [orgId, id])).length > 0
}

const zones: Statement = {
  name: 'time-zone',
  text: 'select 1 from pg_timezone_names where name = $1 limit 1',
}

/** True if the database has the time zone. */
export async function hasTimeZone(db: Db, name: string): Promise<boolean> {
  return (await db.run(zones, [name])).length > 0
}
