import type { ModelProfile, TokenUsage } from '@outlast/contract'
import type { RuntimeAgent } from '../../capabilities/catalog/catalog.ts'
import type { OutputSchema } from '../../capabilities/schemas/output-schema.ts'
import type { EffectiveLimits } from '../../capabilities/turns/turn-limits.ts'
import type { FetchBudget } from '../../outbound/fetch-budget.ts'
import type { RequestForm } from '../../providers/provider.ts'
import type { CallEstimate } from '../../store/budgets/charges.ts'
import type { Conversation } from '../../store/log/conversation.ts'
import type { NewEvent } from '../../store/log/log-sql.ts'
import type { EventMark } from '../../store/log/lost-events.ts'
import type { HashedText } from '../../store/stored-texts.ts'
import type { Appending, Charge } from '../../store/turns/turn-appends.ts'
import type { TakenTurn, TurnRun } from '../../store/turns/turns.ts'
import type { Lease } from '../lease.ts'
import type { StoredEvent } from '../log/spans.ts'
import type { LoggedEvent, TurnState } from '../log/state.ts'
import type { Node } from '../node.ts'
import type { LiveWriter } from './live.ts'
import type { ResultRoom } from './result-room.ts'

/** An event that is decided but not stored yet. */
export type Draft = {
  logged: LoggedEvent
  stored: NewEvent
  /** Builds the data for clients where the table stores less. */
  wireData?: ((ts: string) => string) | undefined
}

/** Changes to the session and its budgets that the next append makes besides adding events. */
export type Effects = Pick<
  Appending,
  'outcome' | 'outputPreview' | 'usage' | 'usedModel' | 'context'
> &
  Pick<Charge, 'spent' | 'call'>

/** A model call as budgets count it. */
export type CountedCall = { call: CallEstimate; profile: ModelProfile | undefined }

/** The environment of an attempt at a turn. */
export type TurnEnvironment = Readonly<{
  node: Node
  lease: Lease
  /** Aborted when the turn is cancelled or handed over. */
  signal: AbortSignal
  /** All fetches of the turn count against it. */
  fetchBudget: FetchBudget
}>

/** Values that are constant during an attempt. */
export type TurnFacts = Readonly<{
  taken: TakenTurn
  agent: RuntimeAgent
  prompt: HashedText
  tools: HashedText
  /** The schema of its answer, and its stored text. Undefined: the answer is text. */
  output: (HashedText & { schema: OutputSchema }) | undefined
  /** The system text of its message, after the prompt. */
  addedPrompt: string
  /** Names of the tools that the turn had at its start and lacks now. */
  removed: ReadonlySet<string>
  /** Names of the client tools that the session or its message defines. */
  sessionTools: ReadonlySet<string>
  limits: EffectiveLimits
  /** Start of the turn, in ms since 1970 by the database's clock. */
  startedAt: number
  /** Latest resume after a wait, else the start: waits do not count towards the time limit. */
  resumedAt: number
}>

/** The log as read by the attempt, and the pending changes to it. */
export type TurnLog = {
  /** Its attempt number changes after an append whose response was lost. */
  run: TurnRun
  state: TurnState
  /** The stored events of the turn. */
  events: StoredEvent[]
  readonly conversation: Conversation
  /**
   * The database's clock at its latest response, and this process's clock at that moment, in ms.
   */
  clock: { database: number; process: number }
  /** Sequence and time of the last event that this attempt has read or written. */
  sequence: number
  storedAt: string
  /** The last cached event, until the log confirms it. */
  unchecked: EventMark | undefined
  drafts: Draft[]
  effects: Effects
  /** True if budgets have reservations of this turn that an append must settle. */
  isReserved: boolean
  /** The latest call whose intent was stored. */
  counted: CountedCall | undefined
  /** Tokens of output that its budgets allow the latest call; undefined: any number. */
  granted: number | undefined
  /** The model of the latest call, and forms of requests that it has required in this attempt. */
  modelOfForms: string | undefined
  forms: Set<RequestForm>
  resultRoom: ResultRoom
  /** Log bytes not yet added to the organization's counters. */
  uncounted: number
  /** Model text since the last append. Followers can read it until the outcome is stored. */
  live: LiveWriter | undefined
  /** Usage of dropped replies and summaries, until an event has it. */
  unlogged: TokenUsage | undefined
  /** Token usage of the whole session. */
  sessionUsage: TokenUsage | undefined
  /** Last sequence and prompt that a model has received. */
  context: { sequence: number; prompt: string | null }
}

export type Turn = TurnEnvironment & TurnFacts & TurnLog

/** The last event of this attempt. An append requires that the log still has it. */
export const lastOf = ({ unchecked, sequence, storedAt: ts }: TurnLog): EventMark =>
  unchecked ?? { sequence, ts }
