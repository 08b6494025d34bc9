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

/** What an attempt at a turn runs in. */
export type TurnEnvironment = Readonly<{
  node: Node
  lease: Lease
  /** Aborted when the turn is cancelled or handed over. */
  signal: AbortSignal
  /** Every fetch of the turn draws from it. */
  budget: FetchBudget
}>

/** What stays as it is for as long as the attempt lasts. */
export type TurnFacts = Readonly<{
  taken: TakenTurn
  agent: RuntimeAgent
  prompt: Text
  tools: Text
  /** When the turn was first begun, in ms since 1970 by the database's clock. */
  startedAt: number
  /** When it last resumed after a wait, else when it began: waits take none of its time. */
  resumedAt: number
}>

/** The log as the attempt knows it, and what is about to be added to it. */
export type TurnLog = {
  /** Its attempt is another after an append whose answer was lost. */
  run: TurnRun
  state: TurnState
  /** The stored events of the turn. */
  events: StoredEvent[]
  readonly conversation: Conversation
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

/** One attempt at a turn. */
export type Turn = TurnEnvironment & TurnFacts & TurnLog

/** The last event that this attempt knows: the log must have it for its next step to be right. */
export const lastOf = ({ unchecked, sequence, storedAt: ts }: TurnLog): EventMark =>
  unchecked ?? { sequence, ts }
