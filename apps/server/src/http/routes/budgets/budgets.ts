import {
  Budget,
  BudgetChange,
  BudgetCheckResult,
  type BudgetPeriod,
  BudgetQuery,
  type BudgetSubjectType,
  Budgets,
  budgetsLimit,
  ErrorResponse,
  endUserPattern,
  LedgerEntries,
  LedgerQuery,
  ledgerLimit,
  NewBudget,
  type Noun,
  TopUp,
} from '@outlast/contract'
import { ApiError, invalidAt } from '../../../errors.ts'
import { parseId, parseUuid } from '../../../ids.ts'
import {
  countBudgets,
  createBudget,
  getBudget,
  getCheckedBudget,
  holdBudget,
  listBudgets,
  topUpBudget,
  updateBudget,
} from '../../../store/budgets/budgets.ts'
import { listLedgerEntries } from '../../../store/budgets/ledger.ts'
import { hasSubject, hasTimeZone } from '../../../store/budgets/subjects.ts'
import { atomically, type Db } from '../../../store/database.ts'
import type { Api } from '../../core/api.ts'
import { checkNumber } from '../../core/number-limit.ts'
import { checkBudgets } from './budget-check.ts'

const metadataBytesMax = 16_384
const one = '/v1/budgets/:budget_id'

type Params = { budget_id: string }

const idIn = ({ budget_id }: Params) => parseId('budget', budget_id)

/** Limits on the use of model calls. Only administrators change them. */
export function budgetRoutes(api: Api): void {
  collectionRoutes(api)
  itemRoutes(api)
  budgetChangeRoutes(api)
  topUpRoutes(api)
}

function collectionRoutes({ app, node }: Api): void {
  app.route<{ Querystring: BudgetQuery }>({
    method: 'GET',
    url: '/v1/budgets',
    schema: {
      operationId: 'list_budgets',
      querystring: BudgetQuery,
      response: { 200: Budgets, '4xx': ErrorResponse },
    },
    handler({ query, principal, db }) {
      const { offset = 0 } = query
      const limit = Math.min(query.limit ?? budgetsLimit, budgetsLimit)
      return listBudgets(db, principal.orgId, { ...query, offset, limit })
    },
  })

  app.route<{ Body: NewBudget }>({
    method: 'POST',
    url: '/v1/budgets',
    config: { access: 'admin' },
    schema: {
      operationId: 'create_budget',
      body: NewBudget,
      response: { 201: Budget, '4xx': ErrorResponse },
    },
    async handler({ body, principal: { orgId }, db }, reply) {
      const { subject_type: type, subject_id: id, limit, on_exhausted = 'wait' } = body
      checkSubjectId(type, id)
      checkSoftLimit(limit, body.soft_limit)
      checkMetadata(body.metadata)
      await checkTimeZone(db, body)
      if (!(await hasSubject(db, orgId, { type, id }))) throw new ApiError('not_found', 'Subject')
      await checkNumber({
        max: node.config.BUDGETS_MAX,
        what: 'budgets',
        count: () => countBudgets(db, orgId),
      })
      const period = body.period && knownPeriod(body.period)
      return reply.code(201).send(await createBudget(db, orgId, { ...body, period, on_exhausted }))
    },
  })
}

function itemRoutes({ app }: Api): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: one,
    schema: { operationId: 'get_budget', response: { 200: Budget, '4xx': ErrorResponse } },
    handler: ({ params, principal, db }) => getBudget(db, principal.orgId, idIn(params)),
  })

  app.route<{ Params: Params; Querystring: LedgerQuery }>({
    method: 'GET',
    url: `${one}/ledger`,
    schema: {
      operationId: 'list_budget_ledger',
      querystring: LedgerQuery,
      response: { 200: LedgerEntries, '4xx': ErrorResponse },
    },
    async handler({ params, query, principal, db }) {
      const { orgId } = principal
      const { id: budgetId } = await getBudget(db, orgId, idIn(params))
      const { offset = 0, limit = ledgerLimit.default } = query
      const range = { offset, limit: Math.min(limit, ledgerLimit.max) }
      return listLedgerEntries(db, { orgId, budgetId }, range)
    },
  })

  app.route<{ Params: Params }>({
    method: 'GET',
    url: `${one}/check`,
    schema: {
      operationId: 'check_budget',
      response: { 200: BudgetCheckResult, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }) {
      return checkBudgets([await getCheckedBudget(db, principal.orgId, idIn(params))])
    },
  })
}

function budgetChangeRoutes({ app }: Api): void {
  app.route<{ Params: Params; Body: BudgetChange }>({
    method: 'PATCH',
    url: one,
    config: { access: 'admin', whenFull: true },
    schema: {
      operationId: 'update_budget',
      body: BudgetChange,
      response: { 200: Budget, '4xx': ErrorResponse },
    },
    handler({ params, body, principal: { orgId }, db }) {
      const ref = { orgId, id: idIn(params) }
      checkMetadata(body.metadata)
      return atomically(db, async (db) => {
        const held = await holdBudget(db, ref)
        const { limit, soft_limit: soft } = body
        checkSoftLimit(limit ?? held.limit, soft === undefined ? held.soft_limit : soft)
        return updateBudget(db, ref, body)
      })
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: one,
    config: { access: 'admin' },
    schema: { operationId: 'delete_budget', response: { '4xx': ErrorResponse } },
    async handler({ params, principal: { orgId }, db }, reply) {
      await updateBudget(db, { orgId, id: idIn(params) }, { status: 'disabled' })
      return reply.code(204).send()
    },
  })
}

function topUpRoutes({ app }: Api): void {
  app.route<{ Params: Params; Body: TopUp }>({
    method: 'POST',
    url: `${one}/top-up`,
    config: { access: 'admin', whenFull: true },
    schema: {
      operationId: 'top_up_budget',
      body: TopUp,
      response: { 200: Budget, '4xx': ErrorResponse },
    },
    handler({ params, body, principal: { orgId, id: by }, db }) {
      const id = idIn(params)
      return atomically(db, async (db) => {
        const { status } = await holdBudget(db, { orgId, id })
        if (status === 'disabled') throw new ApiError('budget_disabled')
        return topUpBudget(db, { orgId, id, by }, body)
      })
    },
  })
}

/** Subjects whose ids have a prefix; those of others are UUIDs. */
const nouns: Partial<Record<BudgetSubjectType, Noun>> = {
  organization: 'organization',
  agent: 'agent',
  agent_channel: 'agent_channel',
  session: 'session',
}

const endUser = new RegExp(endUserPattern)

/** Contract: throws 400 for an id that no subject of the type can have. */
function checkSubjectId(type: BudgetSubjectType, id: string): void {
  const noun = type === 'api_key' && id.startsWith('agentkey_') ? 'agent_key' : nouns[type]
  if (noun) parseId(noun, id)
  else if (type !== 'end_user') parseUuid(type === 'user' ? 'user' : 'API key', id)
  else if (!endUser.test(id)) throw invalidAt('subject_id', 'is not an id of an end user')
}

function checkSoftLimit(limit: number, soft: number | null | undefined): void {
  if (soft != null && soft > limit) throw invalidAt('soft_limit', 'must be at most `limit`')
}

/** Contract: throws 400 for a zone that the database, which computes periods, does not have. */
async function checkTimeZone(db: Db, { period }: NewBudget): Promise<void> {
  if (period?.type !== 'calendar' || period.time_zone === undefined) return
  if (await hasTimeZone(db, period.time_zone)) return
  throw invalidAt('period/time_zone', 'is not a known time zone')
}

/** The period without unknown fields: it is stored and returned as it is. */
function knownPeriod(period: BudgetPeriod): BudgetPeriod {
  const { type } = period
  if (type === 'duration') return { type, seconds: period.seconds }
  if (type === 'rolling') return { type, window: period.window }
  const { unit, time_zone } = period
  return { type, unit, ...(time_zone !== undefined && { time_zone }) }
}

function checkMetadata(metadata: NewBudget['metadata']): void {
  if (!metadata || Buffer.byteLength(JSON.stringify(metadata)) <= metadataBytesMax) return
  throw invalidAt('metadata', 'must have at most 16 KB of JSON')
}
