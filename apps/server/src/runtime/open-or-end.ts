import type { Spent } from '../store/budgets/charges.ts'
import { isStatementTimeout } from '../store/database-errors.ts'
import { readOutline } from '../store/turns/turn-outline.ts'
import { throughOutages } from './journal/append.ts'
import type { Turn } from './journal/attempt.ts'
import { logOfTurn } from './journal/metrics.ts'
import { openTurn, type TurnOptions } from './journal/open-turn.ts'
import { hasEnded } from './log/state.ts'
import type { Node } from './node.ts'
import { end } from './turn.ts'

/** Attempts that may end without an outcome, and reads that may time out, before the turn fails. */
const triesMax = 3

/** `failsWith`: the turn can only end, with this code. */
export type OpenedTurn = { turn: Turn; failsWith?: string }

/**
 * Opens a turn through database outages. It can only end if its attempts crashed, or if reads of
 * its log timed out but not that of its outline, which is short.
 */
export async function openOrEnd(node: Node, opening: TurnOptions): Promise<OpenedTurn> {
  const { run, taken, signal } = opening
  const toEnd = () => openTurn(node, { ...opening, ends: true })
  let timeouts = 0
  return throughOutages({ log: logOfTurn(node, run) }, signal, async () => {
    if (taken.turn_tries > triesMax) return { turn: await toEnd(), failsWith: 'turn_crashed' }
    // Before the read that decides: a database that has just become fast again reads the log too.
    if (timeouts >= triesMax - 1) {
      await readOutline(node.db, run.sessionId, { after: taken.turn_from - 1 })
    }
    try {
      return { turn: await openTurn(node, opening) }
    } catch (error) {
      if (!isStatementTimeout(error)) throw error
      timeouts += 1
      if (timeouts < triesMax) throw error
      return { turn: await toEnd(), failsWith: 'turn_unreadable' }
    }
  })
}

/** Ends a turn as failed, with the events that its log has. */
export async function failTurn(turn: Turn, code: string): Promise<void> {
  while (!hasEnded(turn.state)) await end(turn, { kind: 'failed', code })
}

/**
 * Fails a turn whose events the database cannot store. Its stored events stay, and the call whose
 * outcome is lost is charged as it was `spent`.
 */
export async function endUnstorable(
  node: Node,
  opening: TurnOptions,
  spent: Spent | undefined,
): Promise<'ended'> {
  const whose = { log: logOfTurn(node, opening.run) }
  const toEnd = { ...opening, input: undefined, ends: true }
  const turn = await throughOutages(whose, opening.signal, () => openTurn(node, toEnd))
  if (spent) turn.effects.spent = spent
  await failTurn(turn, 'turn_unstorable')
  return 'ended'
}
