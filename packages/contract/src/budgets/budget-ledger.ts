/** The ledger of a budget: what model calls used, and what people added. */
import { type Static, Type } from 'typebox'
import { BudgetId, LedgerEntryId, SessionId, Timestamp } from '../core/id.ts'
import { described, nullable, oneOf } from '../core/shape.ts'
import { budgetAmountMax } from './budget.ts'

export const LedgerEntry = Type.Object(
  {
    id: described(LedgerEntryId, 'Id of the entry.'),
    budget_id: described(BudgetId, 'Budget of the entry.'),
    amount: Type.Number({
      maximum: budgetAmountMax,
      description:
        'Positive: used. Negative: added, or the use of the period that ended. 0 for `reserve`.',
      examples: [0.0125],
    }),
    reserved: nullable(
      Type.Number(),
      'Amount that was reserved before the model call. Null for other kinds than `reserve` and `settle`.',
    ),
    kind: described(
      oneOf('reserve', 'settle', 'top_up', 'manual', 'period'),
      '`reserve`: a model call that runs, with the amount `reserved` for it; first in the list, and replaced by `settle`. `settle`: a model call that has ended. `top_up`: added by a person. `manual`: another entry by a person. `period`: a new period began.',
    ),
    meter_source: described(
      oneOf('llm_tokens', 'tool_calls', 'manual'),
      '`llm_tokens`: a model call. `manual`: a person. No entry has `tool_calls` yet.',
    ),
    ref_type: nullable(
      Type.String(),
      'Kind of `ref_id`, such as `llm_generation`. Null without one.',
    ),
    ref_id: nullable(
      Type.String(),
      'Cause of the entry, such as a model call. Null if there is none.',
    ),
    session_id: nullable(SessionId, 'Session of the model call. Null if there is none.'),
    description: nullable(Type.String(), 'Reason that a person gave. Null if there is none.'),
    created_at: described(Timestamp, 'Time of the entry.'),
  },
  {
    title: 'LedgerEntry',
    description: 'One movement of a budget. Entries other than `reserve` are never changed.',
    examples: [
      {
        id: 'ledger_01933b5a000070008000000000000001',
        budget_id: 'bdgt_01933b5a000070008000000000000001',
        amount: 0.0125,
        reserved: 0.04,
        kind: 'settle',
        meter_source: 'llm_tokens',
        ref_type: 'llm_generation',
        ref_id: 'exec_01933b5a000070008000000000000001',
        session_id: 'session_01933b5a00007000800000000000a001',
        description: null,
        created_at: '2026-11-25T09:30:00.000Z',
      },
    ],
  },
)
export type LedgerEntry = Static<typeof LedgerEntry>

export const LedgerEntries = Type.Array(LedgerEntry, {
  description: 'Running model calls, then the others, the newest first.',
})

export const ledgerLimit = { default: 50, max: 500 }

export const LedgerQuery = Type.Object({
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 2_147_483_647,
      description: 'Maximum number of entries. Values above 500 are treated as 500. Default: 50.',
    }),
  ),
  offset: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1_000_000,
      description: 'Number of newer entries to skip, at most 1,000,000. Default: 0.',
    }),
  ),
})
export type LedgerQuery = Static<typeof LedgerQuery>
