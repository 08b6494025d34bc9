import type {
  Budget,
  BudgetChange,
  BudgetCheckResult,
  BudgetQuery,
  LedgerEntry,
  LedgerQuery,
  NewBudget,
  ResumedSession,
  TopUp,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'

/** Limits on the use of model calls. Changes require admin access. */
export function budgets(http: Http) {
  const { call } = http
  const one = (id: string) => path`/v1/budgets/${id}`
  return {
    /** Lists the budgets of the organization, newest first, without deleted ones. */
    list: (query?: BudgetQuery, options?: CallOptions) =>
      call<Budget[]>('GET', '/v1/budgets', { query }, options),
    /** Creates a budget. `not_found` for an unknown subject. */
    create: (body: NewBudget, options?: CallOptions) =>
      call<Budget>('POST', '/v1/budgets', { body }, options),
    /** Returns a budget, also a deleted one. `not_found` for an unknown id. */
    get: (id: string, options?: CallOptions) => call<Budget>('GET', one(id), {}, options),
    /** Changes the given properties. A higher limit continues the turns that wait for it. */
    update: (id: string, body: BudgetChange, options?: CallOptions) =>
      call<Budget>('PATCH', one(id), { body }, options),
    /** Deletes a budget: its status is `disabled`, and its ledger stays. */
    delete: (id: string, options?: CallOptions) => call<void>('DELETE', one(id), {}, options),
    /** Adds to the balance, and continues the turns that wait for it. */
    topUp: (id: string, body: TopUp, options?: CallOptions) =>
      call<Budget>('POST', `${one(id)}/top-up`, { body }, options),
    /** Lists the entries of the ledger, newest first: 50 unless `limit` is given. */
    ledger: (id: string, query?: LedgerQuery, options?: CallOptions) =>
      call<LedgerEntry[]>('GET', `${one(id)}/ledger`, { query }, options),
    /** Returns whether the budget would let a model call begin. */
    check: (id: string, options?: CallOptions) =>
      call<BudgetCheckResult>('GET', `${one(id)}/check`, {}, options),
  }
}

/** Calls about the budgets that apply to a session. */
export function sessionBudgets(http: Http) {
  const { call } = http
  const of = (id: string) => path`/v1/sessions/${id}`
  return {
    /** Lists the budgets that apply to the model calls of a session. */
    budgets: (id: string, options?: CallOptions) =>
      call<Budget[]>('GET', `${of(id)}/budgets`, {}, options),
    /** Returns whether the budgets of a session would let a model call begin. */
    budgetCheck: (id: string, options?: CallOptions) =>
      call<BudgetCheckResult>('GET', `${of(id)}/budget-check`, {}, options),
    /** Makes the paused budgets of a session active. Requires admin access. */
    resume: (id: string, options?: CallOptions) =>
      call<ResumedSession>('POST', `${of(id)}/resume`, {}, options),
  }
}
