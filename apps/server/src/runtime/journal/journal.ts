import { once } from 'node:events'
import type { EventContext, EventDataOf, EventType } from '@outlast/contract'
import { newId } from '../../ids.ts'
import { addToConversation } from '../../store/log/conversation.ts'
import { type EventRow, readEvents } from '../../store/log/events.ts'
import { findEventTime } from '../../store/log/lost-events.ts'
import {
  newlySeen,
  presentGeneration,
  type StoredGeneration,
  systemMessage,
} from '../../store/log/present-events.ts'
import { publishEvents, type StoredEvents } from '../../store/log/publish.ts'
import { storeTexts } from '../../store/log/texts.ts'
import type { HashedText, Remembering } from '../../store/stored-texts.ts'
import type { Charge, TurnEnding } from '../../store/turns/turn-appends.ts'
import { findCurrentTurn, type TurnRun } from '../../store/turns/turns.ts'
import { answerCalls } from '../../store/turns/waits.ts'
import { restFor } from '../../text.ts'
import type { StoredEvent } from '../log/spans.ts'
import { apply, ended, fold, following, type LoggedEvent, type TurnState } from '../log/state.ts'
import { addUsage } from '../log/usage.ts'
import type { Node } from '../node.ts'
import { append, throughOutages } from './append.ts'
import {
  type Draft,
  lastOf,
  type Turn,
  type TurnEnvironment,
  type TurnFacts,
  type TurnLog,
} from './attempt.ts'
import { contextOf } from './contexts.ts'
import { FencedError } from './errors.ts'
import { countStored, logOf, traceTurn } from './metrics.ts'

/**
 * Waits until the lease is held. Call before every external effect: other nodes may consider this
 * node dead.
 * Contract: throws FencedError when the attempt is stopped.
 */
export async function mayBegin({ lease, signal }: TurnEnvironment): Promise<void> {
  if (!lease.held()) await Promise.race([lease.whenHeld(), once(signal, 'abort')])
  if (signal.aborted) throw new FencedError()
}

/** The time by the database's clock, in ms since 1970. Clocks of nodes may differ. */
export const nowOf = ({ clock }: TurnLog) => clock.database + performance.now() - clock.process

/** The remaining time of the turn, in ms. */
export const timeLeft = (turn: Turn) =>
  turn.node.config.TURN_TIMEOUT_MS - (nowOf(turn) - turn.resumedAt)

/** The time limit of one model call, in ms. */
export const callTimeMs = (turn: Turn) =>
  Math.max(1, Math.min(turn.node.config.MODEL_CALL_TIMEOUT_MS, Math.ceil(timeLeft(turn)) + 1))

export function loggedEvent(row: Omit<EventRow, 'tags'>): StoredEvent {
  const { sequence, type, ts } = row
  const context = JSON.parse(row.context) as EventContext
  return { sequence, type, ts, context, data: JSON.parse(row.data) } as StoredEvent
}

export function makeDraft<T extends EventType>(
  type: T,
  context: EventContext,
  data: EventDataOf<T>,
): Draft {
  const stored = { type, context: JSON.stringify(context), data: JSON.stringify(data) }
  return { logged: { sequence: 0, type, context, data } as LoggedEvent, stored }
}

/** Adds an event to the drafts. The next `commit` stores all drafts. */
export function draft<T extends EventType>(
  turn: TurnLog,
  type: T,
  context: EventContext,
  data: EventDataOf<T>,
): void {
  addDraft(turn, makeDraft(type, context, data))
}

function addDraft(turn: TurnLog, added: Draft): void {
  added.logged.sequence = turn.sequence + turn.drafts.length + 1
  turn.drafts.push(added)
  turn.state = apply(turn.state, added.logged)
}

/** Drafts the record of a model call, without data that other events have. */
export function draftGeneration(
  turn: TurnFacts & TurnLog,
  context: EventContext,
  call: Pick<StoredGeneration, 'output' | 'metadata'>,
): void {
  const { prompt, tools } = turn
  const from = turn.context.sequence
  const to = turn.sequence
  const stored: StoredGeneration = {
    prompt: prompt.hash,
    prompt_is_new: turn.context.prompt !== prompt.hash,
    tools: tools.hash,
    from,
    to,
    ...call,
  }
  const seen = newlySeen(turn.conversation, { from, to })
  const wireData = (ts: string) => {
    const system = stored.prompt_is_new ? systemMessage(prompt.body, ts, stored) : []
    const messages = [...system, ...seen.map(({ message }) => message)]
    return presentGeneration(stored, messages, new Map([[tools.hash, tools.body]]))
  }
  addDraft(turn, { ...makeDraft('llm.generation', context, stored as never), wireData })
  const { usage, model } = call.metadata
  turn.context = { sequence: to, prompt: prompt.hash }
  turn.effects.context = { sequence: to, prompt: prompt.hash }
  turn.effects.usage = addUsage(turn.effects.usage, usage)
  turn.effects.usedModel = model
  turn.sessionUsage = addUsage(turn.sessionUsage, usage)
}

const countAfterBytes = 65_536

const lengthOf = (drafts: readonly Draft[]) =>
  drafts.reduce((sum, { stored }) => sum + stored.data.length, 0)

/**
 * Stores all drafts in one statement and reads events that were added in between. With `ending`,
 * the turn ends unless there were such events; then `turn.state` has not ended.
 * Contract: throws FencedError, with nothing stored, when this attempt is not the current one, and
 * BudgetRefusedError, with no event stored, when a budget refuses `effects.call`.
 */
export async function commit(
  turn: Turn,
  ending?: Omit<TurnEnding, 'sequence' | 'events'> & { drafts: Draft[] },
) {
  const { node, run, drafts, effects } = turn
  if (drafts.length === 0 && !ending) return
  await restFor(lengthOf([...drafts, ...(ending?.drafts ?? [])]))
  const known = node.db.texts
  const remembering = { since: known.epoch(), storedAt: Date.now() }
  const texts = turnTexts(turn).filter(({ hash }) => !known.isStored(run.orgId, hash))
  const uncounted = turn.uncounted + lengthOf(drafts)
  const bytes = effects.usage || uncounted >= countAfterBytes ? uncounted : 0
  const appended = await append(turn, {
    ...effects,
    bytes,
    after: lastOf(turn),
    events: drafts.map(({ stored }) => stored),
    ending: ending && {
      events: ending.drafts.map(({ stored }) => stored),
      sequence: turn.sequence,
      next: ending.next,
      turnMs: Math.max(0, Math.round(nowOf(turn) - turn.startedAt)),
      failure: ending.failure,
    },
    texts,
    charge: chargeOf(turn, ending !== undefined),
  })
  if (effects.call || effects.spent || ending) {
    turn.granted = appended.granted ?? undefined
    turn.isReserved = turn.granted !== undefined
  }
  turn.unchecked = undefined
  const first = appended.sequence - appended.added + 1
  const stored = appended.ended ? [...drafts, ...ending!.drafts] : drafts
  publishDrafts(node, run, { first, ts: appended.ts, drafts: stored })
  endLive(turn)
  turn.clock = { database: Date.parse(appended.ts), process: performance.now() }
  turn.uncounted = uncounted - bytes
  turn.drafts = []
  turn.effects = {}
  await keepTexts(turn, texts, remembering)
  await catchUp(turn, first)
  for (const [index, added] of drafts.entries()) {
    remember(turn, added, { sequence: first + index, ts: appended.ts })
  }
  if (first !== turn.sequence + 1) turn.state = fold(run.turnId, turn.taken.turn_input, turn.events)
  turn.sequence = appended.sequence
  // If another event came first, the ending stored nothing and the last event is that one.
  turn.storedAt = appended.added > 0 ? appended.ts : turn.events.at(-1)!.ts
  if (appended.ended) endedWith(turn, ending!.drafts, appended.ts)
}

/** Settles the open call with its outcome or at the end, and reserves for the next one. */
function chargeOf(turn: Turn, ends: boolean): Charge | undefined {
  const { spent, call } = turn.effects
  if (!call && !spent && !(ends && turn.isReserved)) return undefined
  return { spent, call, context: JSON.stringify(contextOf(turn)) }
}

/** The texts that events of the turn name by their hashes. */
const turnTexts = ({ prompt, tools, output }: TurnFacts): HashedText[] =>
  output ? [prompt, tools, output] : [prompt, tools]

/** Stores texts that were deduplicated against rows lost before the append. */
async function keepTexts(turn: Turn, texts: HashedText[], remembering: Remembering) {
  const { node, run, signal } = turn
  node.db.texts.remember(run.orgId, texts, remembering)
  if (remembering.since === node.db.texts.epoch()) return
  const whose = { log: logOf(turn) }
  await throughOutages(whose, signal, () => storeTexts(node.db, run.orgId, turnTexts(turn)))
}

/** Closes the live text: it is stored, or this attempt will not store it. */
export function endLive(turn: TurnLog) {
  turn.live?.close()
  turn.live = undefined
}

function endedWith(turn: Turn, drafts: readonly Draft[], ts: string) {
  const { node, run, taken } = turn
  turn.state = ended(turn.state)
  const about = {
    ...run,
    inputMessageId: taken.turn_input,
    agentId: taken.agent_id,
    agentName: taken.agent_name,
    user: taken.user_id,
  }
  traceTurn(node, about, [...turn.events, ...drafts.map(({ logged }) => ({ ...logged, ts }))])
}

function remember(turn: TurnLog, added: Draft, at: { sequence: number; ts: string }) {
  turn.events.push({ ...added.logged, ...at })
  // Images of results are large: the conversation shares them with the events.
  addToConversation(turn.conversation, { ...added.stored, ...at, parsed: added.logged.data })
}

/** Reads events that others appended before `first`: late messages. */
async function catchUp(turn: Turn, first: number) {
  if (first === turn.sequence + 1) return
  const read = { after: turn.sequence, upTo: first - 1, limit: first }
  const { node, run, signal } = turn
  const rows = await throughOutages(turn, signal, () => readEvents(node.db, run.sessionId, read))
  turn.events.push(...rows.map(loggedEvent))
  for (const row of rows) addToConversation(turn.conversation, row)
}

/**
 * Reads events that others appended since the last read.
 * Contract: there are no drafts. Throws FencedError when the attempt is not the current one, or the
 * log lost events of this attempt.
 */
async function lookAgain(turn: Turn): Promise<void> {
  const { node, run, signal, taken } = turn
  const { orgId, sessionId, turnId } = run
  const find = () => findCurrentTurn(node.db, orgId, sessionId)
  const current = await throughOutages(turn, signal, find)
  const isOurs = current?.turn_id === turnId && current.turn_attempt === run.attempt
  // A park whose response was lost has released the turn.
  const isHere = isOurs && current.turn_node === node.id
  if (!isHere || current.turn_cancelled) throw new FencedError()
  const known = () => findEventTime(node.db, sessionId, turn.sequence)
  if ((await throughOutages(turn, signal, known)) !== turn.storedAt) throw new FencedError()
  await catchUp(turn, current.sequence + 1)
  const last = turn.events.at(-1)!
  turn.sequence = last.sequence
  turn.storedAt = last.ts
  turn.state = fold(turnId, taken.turn_input, turn.events)
}

/** The time of the first of these events of the turn, with which its wait began. */
export function waitBegan({ events }: TurnLog, sequences: readonly number[]): string {
  const first = events.find(({ sequence }) => sequences.includes(sequence))
  return new Date(first!.ts).toISOString()
}

/**
 * Parks a turn by a statement that stores what it waits for, and announces the session: its events
 * were announced before it waited. False, after another look at the log, if the statement had no
 * effect.
 */
export async function parkBy(turn: Turn, statement: () => Promise<boolean>): Promise<boolean> {
  const { node, run, signal } = turn
  if (await throughOutages(turn, signal, statement)) {
    node.bus.changed(run.orgId, { noun: 'session', id: run.sessionId })
    return true
  }
  await lookAgain(turn)
  return false
}

/** Stores events if the log has no new ones. Reads the log again, which shows the outcome. */
export async function appendIfUnchanged(turn: Turn, drafts: readonly Draft[]): Promise<void> {
  const { node, run, sequence, signal } = turn
  const events = drafts.map(({ stored }) => stored)
  const at = { ...lastOf(turn), events, wait: undefined }
  // Repeating a stored append stores nothing.
  const stored = await throughOutages({ log: logOf(turn) }, signal, () =>
    answerCalls(node.db, run, at),
  )
  if (stored) publishDrafts(node, run, { first: sequence + 1, ts: stored.ts, drafts })
  await lookAgain(turn)
}

type StoredDrafts = Omit<StoredEvents, 'events'> & { drafts: readonly Draft[] }

/** Counts and publishes drafts that are stored. */
export function publishDrafts(
  node: Pick<Node, 'metrics' | 'bus'>,
  of: Pick<TurnRun, 'orgId' | 'sessionId'>,
  { drafts, ...at }: StoredDrafts,
) {
  const logged = drafts.map((draft) => draft.logged)
  const events = drafts.map(({ stored, wireData }) => (wireData ? { ...stored, wireData } : stored))
  countStored(node, logged)
  publishEvents(node.bus, of, { ...at, events })
}

/** The next turn, for the first waiting message; undefined without one. */
export function nextTurn(state: TurnState): TurnEnding['next'] {
  const next = following(state)
  return next && { turnId: newId('turn'), from: next.from, input: next.input.messageId }
}
