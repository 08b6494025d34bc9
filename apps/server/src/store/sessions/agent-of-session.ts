import type { Db, Statement } from '../database.ts'

const agentOf: Statement = {
  name: 'agent-of-session',
  text: `
select a.id as "agentId", a.name as "agentName", s.user_id as "user" from sessions s
join agents a on a.org_id = s.org_id and a.id = s.agent_id
where s.org_id = $1 and s.id = $2`,
}

export async function findAgentOf(db: Db, orgId: string, sessionId: string) {
  type Found = { agentId: string; agentName: string; user: string | null }
  const [found] = await db.run<Found>(agentOf, [orgId, sessionId])
  return found
}
