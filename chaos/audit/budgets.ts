import type { Event, LedgerEntry, TokenUsage } from '@outlast/contract'
import { inWords, toUnits, unitsOf } from '../currencies.ts'
import type { BudgetEvidence, Evidence, SessionEvidence } from '../evidence.ts'

/** The budgets of a session. */
export const wrongBudgets = ({ logs, budgets }: SessionEvidence): string[] =>
  budgets.flatMap((budget) => wrongBudget(budget, logs[0]?.events ?? []))

/**
 * The budgets of all sessions. Each call is charged to them and to those of its session in one
 * statement: they have used the same.
 */
export function wrongSharedBudgets({ sessions, sharedBudgets }: Evidence): string[] {
  const events = sessions.flatMap(({ logs }) => logs[0]?.events ?? [])
  return sharedBudgets.flatMap((budget) => {
    const { currency, used } = budget
    const own = sessions.flatMap(({ budgets }) =>
      budgets.filter((one) => one.currency === currency),
    )
    const ofSessions = sum(own.map((one) => one.used))
    const [all, part] = [inWords(currency, used), inWords(currency, ofSessions)]
    const unequal = used === ofSessions ? [] : [`${all} were charged, ${part} to the sessions`]
    return [...wrongBudget(budget, events), ...unequal]
  })
}

/**
 * A budget was never exceeded, also not by reservations, and nothing stays reserved. Its ledger has
 * the amount that it has used, and one entry for each request to a model.
 */
function wrongBudget(budget: BudgetEvidence, events: readonly Event[]): string[] {
  const { currency, limit, granted, least, used, reserved, ledger } = budget
  const words = (units: number) => inWords(currency, units)
  const totalOf = (of: LedgerEntry['kind']) =>
    sum(ledger.filter(({ kind }) => kind === of).map(({ amount }) => toUnits(currency, amount)))
  const [charged, added] = [totalOf('settle'), -totalOf('top_up')]
  const lowest = lowestBalance(budget)
  const ofBudget: [boolean, string][] = [
    [least >= 0, `${words(-least)} more were used and reserved than it had`],
    [lowest >= 0, `its balance was ${words(lowest)} after an entry of its ledger`],
    [reserved === 0, `${words(reserved)} stayed reserved`],
    [charged === used, `its ledger has ${words(charged)}, it has used ${words(used)}`],
    [
      limit + added === granted,
      `its ledger has ${words(added)} of ${words(granted - limit)} added`,
    ],
  ]
  const ofEntries = ledger.map(({ kind, amount, reserved, ref_id }): [boolean, string] => [
    kind === 'top_up' || (kind === 'settle' && amount <= reserved!),
    `its ledger has a ${kind} of ${amount} ${currency} with ${reserved} reserved for ${ref_id}`,
  ])
  const broken = [...ofBudget, ...ofEntries].filter(([isKept]) => !isKept)
  return [...broken.map(([, what]) => what), ...wrongCalls(budget, events)]
}

/**
 * The lowest balance after any entry. A call that needs a top-up is charged after it, so the order
 * of the ledger is also that of the balance.
 */
function lowestBalance({ currency, limit, ledger }: BudgetEvidence): number {
  let [balance, lowest] = [limit, limit]
  for (const { amount } of ledger.toReversed()) {
    balance -= toUnits(currency, amount)
    lowest = Math.min(lowest, balance)
  }
  return lowest
}

/** Each request to a model has an entry, and one of a call has the usage that the log reports. */
function wrongCalls({ currency, ledger }: BudgetEvidence, events: readonly Event[]): string[] {
  const settled = ledger.filter(({ kind }) => kind === 'settle')
  const entries = Map.groupBy(settled, ({ ref_id }) => ref_id ?? '')
  const requests = Map.groupBy(events.filter(isRequest), callOf)
  const uneven = [...new Set([...entries.keys(), ...requests.keys()])].flatMap((id) => {
    const [charged, made] = [entries.get(id)?.length ?? 0, requests.get(id)?.length ?? 0]
    return charged === made ? [] : [`call ${id} has ${made} requests and ${charged} entries`]
  })
  const unlike = events.flatMap(reportsOf).flatMap(({ id, usage, model }) => {
    const units = unitsOf[currency](usage, model)
    const isThere = entries.get(id)?.some(({ amount }) => toUnits(currency, amount) === units)
    return isThere ? [] : [`call ${id} used ${inWords(currency, units)}, which no entry has`]
  })
  return [...uneven, ...unlike]
}

/** The costs in the log are those of the reported tokens at list prices. */
export function wrongCosts({ logs }: SessionEvidence): string[] {
  return (logs[0]?.events ?? []).flatMap(reportsOf).flatMap(({ id, usage, model }) => {
    const [is, wanted] = [toUnits('usd', usage.cost_usd ?? 0), unitsOf.usd(usage, model)]
    return is === wanted
      ? []
      : [`call ${id} costs ${inWords('usd', is)} instead of ${inWords('usd', wanted)}`]
  })
}

const sum = (list: readonly number[]) => list.reduce((total, one) => total + one, 0)
const callOf = ({ context }: Event) => context.exec_id ?? ''
const isRequest = ({ type }: Event) =>
  type === 'output.message.started' || type === 'context.compacting'

/** The usage that a model reported, if the event has one. */
function reportsOf(event: Event): { id: string; usage: TokenUsage; model: string }[] {
  if (event.type !== 'llm.generation') return []
  const { usage, model } = event.data.metadata
  return usage ? [{ id: callOf(event), usage, model }] : []
}
