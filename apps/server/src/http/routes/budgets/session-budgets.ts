import {
  type Budget,
  BudgetCheckResult,
  Budgets,
  ErrorResponse,
  ResumedSession,
} from '@outlast/contract'
import type { Principal } from '../../../access/principal.ts'
import { ApiError } from '../../../errors.ts'
import { parseId } from '../../../ids.ts'
import {
  budgetsOfSession,
  checkedBudgetsOfSession,
  resumeBudgets,
} from '../../../store/budgets/session-budgets.ts'
import type { Db } from '../../../store/database.ts'
import { findSequence } from '../../../store/sessions/messages.ts'
import { getSession } from '../../../store/sessions/sessions.ts'
import type { Api } from '../../core/api.ts'
import { checkBudgets } from './budget-check.ts'

type Params = { session_id: string }

const base = '/v1/sessions/:session_id'

/** The budgets that apply to one session. A token reads those of its user and its session only. */
export function sessionBudgetRoutes({ app }: Api): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: `${base}/budgets`,
    config: { forToken: 'read' },
    schema: {
      operationId: 'list_session_budgets',
      response: { 200: Budgets, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }) {
      const budgets = await readBudgets(db, principal.orgId, params)
      if (principal.kind !== 'token') return budgets
      return budgets
        .filter((budget) => isVisible(principal, budget))
        .map((budget) => ({ ...budget, metadata: null }))
    },
  })

  app.route<{ Params: Params }>({
    method: 'GET',
    url: `${base}/budget-check`,
    config: { forToken: 'read' },
    schema: {
      operationId: 'check_session_budgets',
      response: { 200: BudgetCheckResult, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }) {
      const { orgId } = principal
      const session = await getSession(db, orgId, parseId('session', params.session_id))
      const budgets = await checkedBudgetsOfSession(db, orgId, session.id)
      const result = checkBudgets(budgets, session.waiting_for?.budget_id)
      const named = budgets.find(({ id }) => id === result.budget_id)
      return !named || isVisible(principal, named) ? result : withoutBudget(result)
    },
  })

  app.route<{ Params: Params }>({
    method: 'POST',
    url: `${base}/resume`,
    config: { access: 'admin', whenFull: true },
    schema: {
      operationId: 'resume_session',
      response: { 200: ResumedSession, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, db }) {
      const sessionId = await foundIn(db, orgId, params)
      const resumed_budgets = await resumeBudgets(db, orgId, sessionId)
      return { session_id: sessionId, resumed_budgets }
    },
  })
}

/** Contract: throws 404. */
async function foundIn(db: Db, orgId: string, { session_id }: Params): Promise<string> {
  const sessionId = parseId('session', session_id)
  if ((await findSequence(db, orgId, sessionId)) !== undefined) return sessionId
  throw new ApiError('not_found', 'Session')
}

const readBudgets = async (db: Db, orgId: string, params: Params) =>
  budgetsOfSession(db, orgId, await foundIn(db, orgId, params))

/** A token does not see amounts of the organization, the agent or the key. */
const isVisible = ({ kind, endUser }: Principal, { subject_type, subject_id }: Budget) =>
  kind !== 'token' ||
  subject_type === 'session' ||
  (subject_type === 'end_user' && subject_id === endUser?.user)

/** The result without the amounts of its budget. */
const withoutBudget = ({ action, error_code }: BudgetCheckResult): BudgetCheckResult => ({
  action,
  budget_id: null,
  balance: null,
  currency: null,
  message: error_code === null ? null : 'A budget does not allow model calls now.',
  error_code,
  error_fields: null,
})
