import type { Db, Statement } from '../database.ts'

/** The size of an agent's row without its texts, with its counter rows. */
const agentRowBytes = 1_024

// The row contains the sizes of its texts: no long text is read for them.
const stored: Statement = {
  name: 'stored-of-organization',
  text: `
select coalesce(sum(sessions) filter (where agent_id = ''), 0)::bigint as sessions,
  coalesce(sum(stored_bytes), 0)::bigint + (
    select coalesce(sum(${agentRowBytes} + octet_length(system_prompt) + coalesce(octet_length(description), 0)
      + pg_column_size(capabilities) + pg_column_size(tools) + coalesce(pg_column_size(initial_files), 0)), 0)
    from agents where org_id = $1
  )::bigint as bytes
from counters where org_id = $1`,
}

export type OrganizationUsage = { sessions: number; bytes: number }

/** Returns the storage that an organization uses here. */
export async function readOrganizationUsage(db: Db, orgId: string): Promise<OrganizationUsage> {
  const [row] = await db.run<OrganizationUsage>(stored, [orgId])
  return row!
}
