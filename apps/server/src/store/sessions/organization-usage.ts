import type { Db, Statement } from '../database.ts'

/** What a row of an agent takes beside its texts, with its rows of counters. */
const agentRowBytes = 1_024

// Sizes of an agent are in its row: no long text is read for them.
const stored: Statement = {
  name: 'stored-of-organization',
  text: `
select coalesce(sum(sessions) filter (where agent_id = ''), 0)::bigint as sessions,
  coalesce(sum(stored_bytes), 0)::bigint + (
    select coalesce(sum(${agentRowBytes} + octet_length(system_prompt) + coalesce(octet_length(description), 0)
      + pg_column_size(capabilities) + pg_column_size(tools)), 0)
    from agents where org_id = $1
  )::bigint as bytes
from counters where org_id = $1`,
}

export type OrganizationUsage = { sessions: number; bytes: number }

/** How much an organization keeps here. */
export async function readOrganizationUsage(db: Db, orgId: string): Promise<OrganizationUsage> {
  const [row] = await db.run<OrganizationUsage>(stored, [orgId])
  return row!
}
