import type { TokenUsage } from '@outlast/contract'
import type { RuntimeAgent } from '../../capabilities/catalog.ts'
import type { FetchBudget } from '../../providers/fetch-budget.ts'
import type { Conversation } from '../../store/sessions/conversation.ts'
import type { EventMark } from '../../store/sessions/lost-events.ts'
import type { Appending } from '../../store/sessions/turn-appends.ts'
import type { NewEvent, TakenTurn, TurnRun } from '../../store/sessions/turns.ts'
import type { Text } from '../../store/stored-texts.ts'
import type { Lease } from '../lease.ts'
import type { StoredEvent } from '../log/spans.ts'
import type { LoggedEvent, TurnState } from '../log/state.ts'
import type { Node } from '../node.ts'
import type { LiveWriter } from './live.ts'

/** An event that the turn has decided on but not stored yet. */
export type Draft = {
  logged: LoggedEvent
  stored: NewEvent
  /** The data as clients see it, where the table holds less. */
  present?: ((ts: string) => string) | undefined
}

/** What the next append does to the session beside adding events. */
export type Effects = Pick<Appending, 'outcome' | 'outputPreview' | 'usage' | 'context'>

/** One attempt at a turn: what its log says, and what is about to be added to it. */
export type Turn = {
  readonly node: Node
  readonly lease: Lease
  run: TurnRun
  readonly taken: TakenTurn
  readonly agent: RuntimeAgent
  readonly prompt: Text
  readonly tools: Text
  /** Aborted when the turn is cancelled or handed over. */
  readonly signal: AbortSignal
  /** Every fetch of the turn draws from it. */
  readonly budget: FetchBudget
  state: TurnState
  /** The stored events of the turn. */
  events: StoredEvent[]
  readonly conversation: Conversation
  /** When the turn was first begun, in ms since 1970 by the database's clock. */
  readonly startedAt: number
  /** When it last went on after it had waited, else when it was begun: what it waited for takes none of its time. */
  readonly resumedAt: number
  /** The database's clock as of the latest answer, and this process's at that moment, in ms. */
  clock: { database: number; process: number }
  /** The last sequence that this attempt knows of, and when that event was stored. */
  sequence: number
  storedAt: string
  /** The last event that was remembered, until the log was found to have it. */
  unchecked: EventMark | undefined
  drafts: Draft[]
  effects: Effects
  /** Bytes of the log that the organization's counters have not been told of. */
  uncounted: number
  /** What a model said since the last append: followers can read it until its outcome is stored. */
  live: LiveWriter | undefined
  /** Tokens of the whole session. */
  sessionUsage: TokenUsage | undefined
  /** Up to where, and with which prompt, a model has been asked. */
  context: { sequence: number; prompt: string | null }
}

/** The event that the log must have for what this attempt does next to be right: the last one that it knows of. */
export const lastOf = ({ unchecked, sequence, storedAt: ts }: Turn): EventMark =>
  unchecked ?? { sequence, ts }
