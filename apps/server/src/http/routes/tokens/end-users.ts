import { Readable } from 'node:stream'
import { DeletedEndUser, EndUserQuery, ErrorResponse, type TokenUsage } from '@outlast/contract'
import { masked } from '../../../capabilities/masking.ts'
import { addUsage } from '../../../runtime/log/usage.ts'
import type { Node } from '../../../runtime/node.ts'
import { recordAudit } from '../../../store/access/audit-log.ts'
import { endTokensOfEndUser, listUserTokens } from '../../../store/access/user-tokens.ts'
import { deleteBudgetsOfEndUser } from '../../../store/budgets/budget-deletion.ts'
import { forgetUserInUsage } from '../../../store/budgets/usage-days.ts'
import type { Db } from '../../../store/database.ts'
import {
  checkHolds,
  deleteSessionsOfEndUser,
  type EndUser,
} from '../../../store/end-user-deletion.ts'
import { deleteImagesOfEndUser } from '../../../store/files/images.ts'
import { listStoredValues } from '../../../store/files/session-storage.ts'
import { sessionsOfEndUser } from '../../../store/sessions/end-user-sessions.ts'
import { findSequence } from '../../../store/sessions/messages.ts'
import type { Api } from '../../core/api.ts'
import { auditEntry } from '../../core/audit-entry.ts'
import { auditExport } from '../../core/audit-records.ts'
import { lineOf, linesOf } from '../sessions/exports.ts'

/** Version of the line format, not of the server. */
const version = 1

/** All data of one end user of the product, exported and deleted by one request each. */
export function endUserRoutes({ app, node }: Api): void {
  app.route<{ Querystring: EndUserQuery }>({
    method: 'GET',
    url: '/v1/end-users/export',
    exposeHeadRoute: false,
    config: { access: 'admin' },
    schema: {
      operationId: 'export_end_user',
      querystring: EndUserQuery,
      produces: ['application/x-ndjson'],
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { principal, query, db } = request
      const endUser = { orgId: principal.orgId, user: query.user }
      await auditExport(request, db)
      reply.header('content-type', 'application/x-ndjson; charset=utf-8')
      reply.header('content-disposition', 'attachment; filename="end-user.jsonl"')
      return reply.send(Readable.from(exportLines(node, db, endUser), { objectMode: false }))
    },
  })

  app.route<{ Querystring: EndUserQuery }>({
    method: 'DELETE',
    url: '/v1/end-users',
    // The handler records it: a transaction of its own for each session.
    config: { access: 'admin', unaudited: true },
    schema: {
      operationId: 'delete_end_user',
      querystring: EndUserQuery,
      response: { 200: DeletedEndUser, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { principal, query } = request
      const { orgId } = principal
      const endUser = { orgId, user: query.user }
      const db = node.shares(orgId)
      await checkHolds(db, endUser)
      const tokens = await db.transaction(async (unit) => {
        const { orgIds, entry } = auditEntry(request, undefined)
        await recordAudit(unit, orgIds, entry)
        return endTokensOfEndUser(unit, orgId, endUser.user)
      })
      const sessions = await deleteSessionsOfEndUser(db, endUser, node.bus.deleted)
      await checkHolds(db, endUser)
      await deleteImagesOfEndUser(db, orgId, endUser.user)
      await forgetUserInUsage(db, orgId, endUser.user)
      await deleteBudgetsOfEndUser(db, orgId, endUser.user)
      return { sessions, tokens }
    },
  })
}

/**
 * Yields the lines of an export. Model calls are left out: they contain the prompts of the agents.
 * Contract: throws when a session is deleted meanwhile: an incomplete export has no last line.
 */
async function* exportLines(node: Node, db: Db, endUser: EndUser): AsyncGenerator<string> {
  const { orgId, user } = endUser
  yield lineOf({ type: 'end_user', version, user })
  let usage: TokenUsage | undefined
  let sessions = 0
  for await (const batch of sessionsOfEndUser(db, endUser)) {
    for (const session of batch) {
      yield lineOf({ type: 'session', version, session: masked(node.capabilities, session) })
      yield* sessionLines(db, orgId, session.id)
      usage = addUsage(usage, session.usage ?? undefined)
      sessions += 1
    }
  }
  const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER }
  const tokens = await listUserTokens(db, { orgId, user }, all)
  yield tokens.map((token) => lineOf({ type: 'token', token })).join('')
  yield lineOf({ type: 'end_of_user', sessions, tokens: tokens.length, usage: usage ?? null })
}

async function* sessionLines(db: Db, orgId: string, sessionId: string): AsyncGenerator<string> {
  const upTo = (await findSequence(db, orgId, sessionId)) ?? 0
  const values = await listStoredValues(db, orgId, sessionId)
  yield values.map((value) => lineOf({ type: 'value', value })).join('')
  yield* linesOf(db, { orgId, sessionId, upTo, withBytes: true, exclude: ['llm.generation'] })
}
