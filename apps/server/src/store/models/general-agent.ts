import { type Agent, generalAgentId } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'
import { findAgent, getAgent } from './agents.ts'

const create: Statement = {
  name: 'create-general-agent',
  text: `
insert into agents (org_id, id, name, description, system_prompt)
values ($1, $2, 'General', 'Answers in sessions that were created without an agent.', '')
on conflict do nothing`,
}

/** Returns the general agent of an organization, which its first use creates. */
export async function generalAgent(db: Db, orgId: string): Promise<Agent> {
  const known = await findAgent(db, orgId, generalAgentId)
  if (known) return known
  await db.run(create, [orgId, generalAgentId])
  return getAgent(db, orgId, generalAgentId)
}
