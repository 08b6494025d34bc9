/** Budgets: limits on the use of model calls. */
import { type Static, Type } from 'typebox'
import { BudgetId, OrganizationId, SessionId, Timestamp } from '../core/id.ts'
import { AnyObject, described, nullable, oneOf, optional } from '../core/shape.ts'

const budgetSubjectTypes = [
  'organization',
  'agent',
  'user',
  'end_user',
  'agent_channel',
  'api_key',
  'session',
] as const
export const BudgetSubjectType = oneOf(...budgetSubjectTypes)
export type BudgetSubjectType = Static<typeof BudgetSubjectType>

export const BudgetStatus = oneOf('active', 'paused', 'exhausted', 'disabled')
export type BudgetStatus = Static<typeof BudgetStatus>

/** The largest amount of a budget or an entry, in its currency. */
export const budgetAmountMax = 1_000_000_000_000

const amount = (description: string, example = 50) =>
  Type.Number({ description, examples: [example] })

const positive = (description: string) =>
  Type.Number({
    minimum: 0.000_001,
    maximum: budgetAmountMax,
    description: `${description} From 0.000001 to 10^12, rounded to 6 decimal places.`,
    examples: [50],
  })

const currency = Type.String({
  pattern: '^[a-z][a-z0-9_]{0,31}$',
  description:
    'Unit of all amounts. `usd`: US dollars at list prices. `tokens`: input and output tokens. `credits`: thousands of tokens. Another word: a unit of your own, which only top-ups and your own bookkeeping move.',
  examples: ['usd'],
})

const subjectType = described(
  { ...BudgetSubjectType, examples: ['agent'] },
  'Kind of the subject: whose model calls the budget limits. `user` and `api_key`: sessions that the account or the key has created; the key may be one of an agent channel. `end_user`: a user of your product.',
)

/** Kinds of subjects that budgets have: also those that the server creates. */
const subjectTypeOfBudget = described(
  oneOf(...budgetSubjectTypes, 'channel_user'),
  'Kind of the subject: whose model calls the budget limits. `channel_user`: an end user of an agent channel with a `spending_limit`; the server creates it.',
)

const subjectId = Type.String({
  minLength: 1,
  maxLength: 256,
  description:
    'Id of the subject. For `organization`, the id of the own one. For `end_user`, the id that your sessions have.',
  examples: ['agent_01933b5a000070008000000000000101'],
})

const onExhaustedText =
  '`wait`: a call that does not fit waits for money or the next period. `fail`: its turn fails with `budget_exhausted`.'
const onExhausted = described(oneOf('wait', 'fail'), onExhaustedText)

const calendarUnits = ['hour', 'day', 'week', 'month', 'year'] as const

export const BudgetPeriod = Type.Union(
  [
    Type.Object(
      {
        type: Type.Literal('duration', { description: 'Periods of equal length.' }),
        seconds: Type.Integer({
          minimum: 60,
          maximum: 316_224_000,
          description: 'Length of a period in seconds, from 60 to 10 years.',
        }),
      },
      { description: 'Periods of a fixed length, from the first use on.' },
    ),
    Type.Object(
      {
        type: Type.Literal('rolling', { description: 'Periods of a window.' }),
        window: Type.String({
          pattern: '^[1-9][0-9]{0,5}[mhd]$',
          description: 'Length with its unit: minutes, hours or days.',
          examples: ['5h'],
        }),
      },
      { description: 'A window that begins with the first use after the last one ended.' },
    ),
    Type.Object(
      {
        type: Type.Literal('calendar', { description: 'Periods of the calendar.' }),
        unit: described(oneOf(...calendarUnits), 'Length of a period. Weeks begin on Monday.'),
        time_zone: Type.Optional(
          Type.String({
            maxLength: 64,
            description: 'IANA time zone in which periods begin. Default: UTC.',
            examples: ['Europe/Kyiv'],
          }),
        ),
      },
      { description: 'Periods that begin with an hour, a day, a week, a month or a year.' },
    ),
  ],
  {
    title: 'BudgetPeriod',
    description: 'When a budget starts again with its whole limit.',
    examples: [{ type: 'calendar', unit: 'month', time_zone: 'Europe/Kyiv' }],
  },
)
export type BudgetPeriod = Static<typeof BudgetPeriod>

const budgetExample = {
  id: 'bdgt_01933b5a000070008000000000000001',
  organization_id: 'org_00000000000000000000000000000001',
  subject_type: 'agent' as const,
  subject_id: 'agent_01933b5a000070008000000000000101',
  currency: 'usd',
  limit: 50,
  soft_limit: 40,
  balance: 37.5,
  reserved: 0.02,
  period: { type: 'calendar' as const, unit: 'month' as const, time_zone: 'Europe/Kyiv' },
  period_started_at: '2026-11-01T00:00:00.000Z',
  status: 'active' as const,
  on_exhausted: 'wait' as const,
  metadata: null,
  created_at: '2026-10-12T09:30:00.000Z',
  updated_at: '2026-11-25T09:30:00.000Z',
}

export const Budget = Type.Object(
  {
    id: described(BudgetId, 'Id of the budget.'),
    organization_id: described(OrganizationId, 'Organization of the budget.'),
    subject_type: subjectTypeOfBudget,
    subject_id: Type.String({
      description:
        'Id of the subject. For `channel_user`: the channel, the key or identity provider, and the user, with spaces between them.',
      examples: ['agent_01933b5a000070008000000000000101'],
    }),
    currency,
    limit: amount('Amount of one period, or of the whole life of the budget.'),
    soft_limit: nullable(
      Type.Number(),
      'Used amount from which on a `budget.warning` is sent, once per period. Null: none.',
    ),
    balance: amount(
      'The limit less the used amount, plus top-ups. Open reservations count as unused. Below 0 only if a provider reported more than was reserved.',
      37.5,
    ),
    reserved: amount('Amount that running model calls have reserved.', 0.02),
    period: nullable(BudgetPeriod, 'When the budget starts again. Null: never.'),
    period_started_at: nullable(
      Timestamp,
      'Start of the period that `balance` is of. Null without a period, and before the first use.',
    ),
    status: described(
      BudgetStatus,
      '`active`: calls are reserved and counted. `paused`: an administrator stopped it, and must resume it. `exhausted`: all is used. `disabled`: deleted; it applies to no call.',
    ),
    on_exhausted: onExhausted,
    metadata: nullable(AnyObject, 'Your own facts about the budget. Null if there are none.'),
    created_at: described(Timestamp, 'Time at which the budget was created.'),
    updated_at: described(Timestamp, 'Time of the latest change or use.'),
  },
  {
    title: 'Budget',
    description: 'A limit on the cost or the tokens of the model calls of one subject.',
    examples: [budgetExample],
  },
)
export type Budget = Static<typeof Budget>

export const Budgets = Type.Array(Budget, {
  description: 'Running model calls, then the others, the newest first.',
})

const softLimit = 'Used amount from which on a `budget.warning` is sent, at most `limit`.'

export const NewBudget = Type.Object(
  {
    subject_type: subjectType,
    subject_id: subjectId,
    currency,
    limit: positive('Amount of one period, or of the whole life of the budget.'),
    soft_limit: optional(positive(softLimit), `${softLimit} Default: none.`),
    period: optional(BudgetPeriod, 'When the budget starts again. Default: never.'),
    on_exhausted: Type.Optional(described(onExhausted, `${onExhaustedText} Default: \`wait\`.`)),
    metadata: optional(
      Type.Record(Type.String(), Type.Unknown(), { maxProperties: 50 }),
      'Your own facts about the budget, at most 50 keys and 16 KB. Default: none.',
    ),
  },
  {
    title: 'CreateBudgetRequest',
    description: 'A subject, and how much its model calls may use.',
    examples: [
      {
        subject_type: 'agent',
        subject_id: 'agent_01933b5a000070008000000000000101',
        currency: 'usd',
        limit: 50,
        soft_limit: 40,
        period: { type: 'calendar', unit: 'month', time_zone: 'Europe/Kyiv' },
      },
    ],
  },
)
export type NewBudget = Static<typeof NewBudget>

export const BudgetChange = Type.Object(
  {
    limit: optional(positive('New limit.'), 'New limit. Absent or null: unchanged.'),
    soft_limit: optional(positive(softLimit), `${softLimit} Null removes it. Absent: unchanged.`),
    status: optional(
      oneOf('active', 'paused', 'disabled'),
      '`active` resumes or restores the budget, `paused` stops its calls, `disabled` deletes it. Absent or null: unchanged.',
    ),
    on_exhausted: optional(onExhausted, `${onExhaustedText} Absent or null: unchanged.`),
    metadata: optional(
      Type.Record(Type.String(), Type.Unknown(), { maxProperties: 50 }),
      'New facts, which replace all previous ones. Null removes them. Absent: unchanged.',
    ),
  },
  {
    title: 'UpdateBudgetRequest',
    description: 'Properties of a budget to change. The subject and the currency never change.',
    examples: [{ limit: 80, soft_limit: null }],
  },
)
export type BudgetChange = Static<typeof BudgetChange>

export const TopUp = Type.Object(
  {
    amount: positive('Amount to add to the balance.'),
    description: optional(
      Type.String({ maxLength: 500 }),
      'Reason, for the ledger: at most 500 characters. Default: none.',
    ),
  },
  {
    title: 'TopUpRequest',
    description: 'Money or tokens to add. An amount counts until the period of the budget ends.',
    examples: [{ amount: 25, description: 'Approved by finance' }],
  },
)
export type TopUp = Static<typeof TopUp>

export const budgetsLimit = 1_000

export const BudgetQuery = Type.Object({
  subject_type: Type.Optional(
    described(BudgetSubjectType, 'Only budgets of this kind of subject.'),
  ),
  subject_id: Type.Optional(described(subjectId, 'Only budgets of this subject.')),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 2_147_483_647,
      description:
        'Maximum number of budgets. Values above 1,000 are treated as 1,000, the default.',
    }),
  ),
  offset: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1_000_000,
      description: 'Number of newer budgets to skip, at most 1,000,000. Default: 0.',
    }),
  ),
})
export type BudgetQuery = Static<typeof BudgetQuery>

export const BudgetCheckResult = Type.Object(
  {
    action: described(
      oneOf('continue', 'warn', 'pause', 'stop'),
      '`continue`: more than 20 % is left, or no budget applies. `warn`: 20 % or less is left. `pause`: an administrator must resume it. `stop`: no call fits.',
    ),
    budget_id: nullable(
      BudgetId,
      'The most restrictive budget. Null if none applies, or if the caller may not read it.',
    ),
    balance: nullable(Type.Number(), 'Balance of that budget. Null without `budget_id`.'),
    currency: nullable(Type.String(), 'Unit of `balance`. Null without `budget_id`.'),
    message: nullable(Type.String(), 'The result as a sentence. Null with `continue`.'),
    error_code: nullable(
      oneOf('budget_paused', 'budget_exhausted'),
      'Code of the result. Null with `continue` and `warn`.',
    ),
    error_fields: nullable(AnyObject, 'Values of `message`, for translations. Null without one.'),
  },
  {
    title: 'BudgetCheckResult',
    description: 'Whether a model call would be made now.',
    examples: [
      {
        action: 'warn',
        budget_id: budgetExample.id,
        balance: 4.2,
        currency: 'usd',
        message: '4.2 of 50 usd are left.',
        error_code: null,
        error_fields: { balance: 4.2, limit: 50, currency: 'usd' },
      },
    ],
  },
)
export type BudgetCheckResult = Static<typeof BudgetCheckResult>

export const ResumedSession = Type.Object(
  {
    session_id: described(SessionId, 'The session.'),
    resumed_budgets: Type.Integer({
      minimum: 0,
      description: 'Number of budgets that were paused and are active now.',
    }),
  },
  {
    title: 'ResumeSessionResponse',
    description: 'The paused budgets of a session were resumed. Exhausted ones need a top-up.',
    examples: [{ session_id: 'session_01933b5a00007000800000000000a001', resumed_budgets: 1 }],
  },
)
export type ResumedSession = Static<typeof ResumedSession>
