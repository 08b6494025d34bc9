import { sql } from 'kysely'

/** The models of an organization, and the condition for offering simulated ones. */
export type ModelScope = {
  orgId: string
  /** Provider types with a key in the environment; null: simulated models are always offered. */
  keyedTypes: readonly string[] | null
}

/**
 * SQL condition for a provider of the given type. Simulated providers are offered only while the
 * organization has no callable model of a vendor, which needs a key or an address of its own.
 */
export const isOffered = (type: string, orgId: string, keyedTypes: string) => `(
  ${type} <> 'llmsim' or ${keyedTypes} is null or not exists (
    select from providers v
    where v.org_id = ${orgId} and v.provider_type <> 'llmsim' and v.status = 'active'
      and (v.api_key is not null or v.base_url is not null or v.provider_type = any(${keyedTypes}))
      and exists (
        select from models vm
        where vm.org_id = v.org_id and vm.provider_id = v.id and vm.status = 'active'
      )
  )
)`

/** The same condition for a query on providers `p`. */
export function offered({ keyedTypes }: ModelScope) {
  const parts = isOffered('p.provider_type', 'p.org_id', '?').split('?')
  const texts = parts.map((part) => sql.raw(part))
  return sql<boolean>`${sql.join(texts, sql`${keyedTypes}::text[]`)}`
}
