import { areAmbiguous } from '../../../../capabilities/mcp/names.ts'
import { invalidAt } from '../../../../errors.ts'
import type { Db } from '../../../../store/database.ts'
import { listOtherNames } from '../../../../store/models/mcp-servers.ts'

/**
 * Refuses a name whose tools could be mistaken for those of another server: tools are called
 * `mcp_<server>__<tool>`.
 * Contract: throws 400. The database checks that names are unique.
 */
export async function checkServerName(
  db: Db,
  { orgId, id }: { orgId: string; id: string },
  name: string,
): Promise<void> {
  if (name.includes('__')) throw invalidAt('name', 'must not contain two underscores in a row')
  const others = await listOtherNames(db, orgId, id)
  const twin = others.find((other) => other !== name && areAmbiguous(name, other))
  if (twin !== undefined) {
    throw invalidAt('name', `would give tools the names of those of ${twin}: choose another name`)
  }
}
