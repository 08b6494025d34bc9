import { type Budget, isOutlastError, type Outlast } from '@outlast/sdk'
import { UsageError } from '../core/failure.ts'
import { amountOf } from '../input/budget-input.ts'
import { type Words, wordOf } from '../input/prompt.ts'
import { oneLine } from '../output/width.ts'
import type { Questioning } from './questions.ts'

const choices = 'a: add money, r: raise the limit, l: later'
const words = {
  add: ['a', 'add'],
  raise: ['r', 'raise'],
  later: ['l', 'later'],
} satisfies Words

type Options = { signal: AbortSignal }

/**
 * Asks how a turn that waits for a budget continues, and changes the budget. Undefined: later, or
 * the caller may not change it.
 */
export async function refill(
  outlast: Outlast,
  id: string,
  questioning: Questioning,
  options: Options,
): Promise<Budget | undefined> {
  const { say, tell } = questioning
  const budget = await outlast.budgets.get(id, options)
  const { balance, limit, currency, status } = budget
  const state = status === 'paused' ? 'is paused' : 'is used up'
  say(tell.line('?', `Budget ${id} ${state}`, `${balance} of ${limit} ${currency} left`, 'bold'))
  try {
    return await changed(outlast, budget, questioning, options)
  } catch (error) {
    if (!isOutlastError(error) || error.status !== 403) throw error
    say(tell.prose('Only administrators change budgets.', 'red'))
    return undefined
  }
}

async function changed(
  outlast: Outlast,
  { id, status, currency }: Budget,
  questioning: Questioning,
  options: Options,
): Promise<Budget | undefined> {
  const { ask, say, tell } = questioning
  if (status === 'paused') {
    const word = wordOf(await ask('resume it? y/n › '), { yes: ['y', 'yes'] })
    return word && outlast.budgets.update(id, { status: 'active' }, options)
  }
  for (;;) {
    say(tell.prose(choices, 'dim'))
    const word = wordOf(await ask('a/r/l › '), words)
    if (word === 'later') return undefined
    if (word === undefined) continue
    const what = word === 'add' ? 'amount' : 'limit'
    const line = await ask(`${what} in ${oneLine(currency)} › `)
    try {
      const amount = amountOf(line.trim(), word === 'add' ? 'The amount' : 'The limit')
      if (word === 'raise') return await outlast.budgets.update(id, { limit: amount }, options)
      return await outlast.budgets.topUp(id, { amount }, options)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      say(tell.prose(error.message, 'red'))
    }
  }
}
