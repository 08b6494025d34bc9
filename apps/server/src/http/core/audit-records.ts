import type { FastifyInstance, FastifyRequest } from 'fastify'
import { mayTake } from '../../access/limits.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Node } from '../../runtime/node.ts'
import { recordAudit } from '../../store/access/audit-log.ts'
import type { Db } from '../../store/database.ts'
import { auditEntry } from './audit-entry.ts'

/** Errors that depend on the access of the caller, not on the request. */
const refusals = new Set<ErrorCode>(['forbidden', 'users_only'])
const refusalsPerMinute = 20

/**
 * Records requests that the caller's role, scopes or token do not allow, with `refused` in their
 * details.
 * Contract: after the answer, and at most 20 a minute for each caller, so that no caller fills
 * the log.
 */
export function auditRefusals(app: FastifyInstance, { shares, access, log }: Node): void {
  app.addHook('onResponse', (request, { problem, isPassedOn }, done) => {
    done()
    const { principal } = request
    if (problem === undefined || isPassedOn || !refusals.has(problem) || !principal?.orgId) return
    const subject = `refusals:${principal.kind}:${principal.id}`
    const perCaller = { subject, capacity: refusalsPerMinute, seconds: 60 }
    if (!mayTake(access.limits, [perCaller])) return
    const { orgIds, entry } = auditEntry(request, undefined)
    // The path may name anything, also things of other organizations: nothing was looked up.
    const target = null
    const db = shares(principal.orgId)
    recordAudit(db, orgIds, { ...entry, target, details: { refused: problem } }).catch((error) =>
      log.warn('a refused request is not in the audit log', { request: request.id, error }),
    )
  })
}

/** Records an export before its first byte is sent. */
export async function auditExport(request: FastifyRequest, db: Db): Promise<void> {
  const { orgIds, entry } = auditEntry(request, undefined)
  await recordAudit(db, orgIds, entry)
}
