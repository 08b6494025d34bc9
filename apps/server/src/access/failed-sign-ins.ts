import { type NewAuditEntry, recordAudit } from '../store/access/audit-log.ts'
import { membershipsOf } from '../store/access/logins.ts'
import { findAccountByEmail, normalEmail } from '../store/access/users.ts'
import type { Db } from '../store/database.ts'
import { defaultOrganization } from '../store/models/seeds.ts'
import { networkOf } from './address.ts'
import { mayTake, type RateLimits } from './limits.ts'

const hourSeconds = 3_600
const strangersPerNetwork = 20
const strangersPerHour = 1_000
/** As many as sign-ins by password that are tried in an hour. */
const failuresPerAccount = 40

/**
 * Records a failed sign-in in the organizations of the account. Failures of unknown addresses go to
 * the default organization. Both are limited, so that they cannot fill the audit log.
 */
export async function recordFailure(
  { db, limits }: { db: Db; limits: RateLimits },
  email: string,
  visitor: Pick<NewAuditEntry, 'address' | 'user_agent' | 'request_id'>,
) {
  const account = await findAccountByEmail(db, email)
  const orgIds = account ? (await membershipsOf(db, account.id)).map(({ org_id }) => org_id) : []
  if (orgIds.length === 0) {
    const subject = `unknown-logins:${networkOf(visitor.address)}`
    const perNetwork = { subject, capacity: strangersPerNetwork, seconds: hourSeconds }
    const all = { subject: 'unknown-logins', capacity: strangersPerHour, seconds: hourSeconds }
    if (!mayTake(limits, [perNetwork, all])) return
    orgIds.push(defaultOrganization)
  } else {
    const subject = `failed-logins:${account!.id}`
    const perAccount = { subject, capacity: failuresPerAccount, seconds: hourSeconds }
    if (!mayTake(limits, [perAccount])) return
  }
  await recordAudit(db, orgIds, {
    actor_type: 'anonymous',
    actor_id: null,
    actor_name: null,
    action: 'login_failed',
    target: account?.id ?? null,
    details: { email: addressShape.test(email) ? normalEmail(email) : null },
    ...visitor,
  })
}

/** Other texts may be a password in the wrong field, and are not recorded. */
const addressShape = /^[^\s@]+@[^\s@]+\.[^\s@]+$/
