/** The session of a chat, and its turns, read as the caller of the request. */
import type { Event, EventType, Session } from '@outlast/contract'
import {
  type AiSdkVersion,
  beginTurnFold,
  type FoldOptions,
  foldTurn,
  type OpenCall,
  openCallsOf,
} from '@outlast/contract/folds/ai-sdk'
import type { FastifyRequest } from 'fastify'
import type { Principal } from '../../../access/principal.ts'
import { invalidAt } from '../../../errors.ts'
import type { FindInput } from '../../adapters/find-input.ts'
import type { InnerCalls } from '../../adapters/inner-calls.ts'
import { findKeyedSession } from '../../adapters/keyed-session.ts'
import type { LogReader } from '../../adapters/read-log.ts'
import { listEvents } from '../../adapters/session-events.ts'

export type Chat = {
  calls: InnerCalls
  read: LogReader
  findInput: FindInput
  principal: Principal
  db: FastifyRequest['db']
  agentId: string
  /** The client's id of the chat: the key of its session. */
  id: string
  /** End user that the caller names. */
  user: string | null
  version: AiSdkVersion
  typedTools: boolean
}

/** Options that all folds of a chat have. */
export const formOf = ({ version, typedTools }: Chat) => ({ version, typedTools })

/** Contract: throws 400 for an id that the paths of the AI SDK cannot have. */
export function checkChatId(id: string): void {
  if (id === '.' || id === '..') throw invalidAt('id', 'must not be `.` or `..`')
}

/** The session of a chat, if the caller may read it. */
export async function findSession(chat: Chat): Promise<Session | undefined> {
  const { calls, principal, agentId, id, user } = chat
  if (principal.sessionId !== undefined) {
    const path = `/v1/sessions/${principal.sessionId}`
    const session = await calls.run<Session>('GET', path)
    return session.key === id && session.agent_id === agentId ? session : undefined
  }
  return findKeyedSession(calls, chat, { agentId, key: id, user })
}

export type TurnStart = { turnId: string; sequence: number; inputId: string }

export const startOf = ({ data, sequence = 1 }: Event<'session.activated'>): TurnStart => ({
  turnId: data.turn_id,
  sequence,
  inputId: data.input_message_id,
})

const turnIdForm = /^turn_[0-9a-f]{32}$/

/** The beginning of a turn of a session. */
export async function findTurn(
  chat: Chat,
  sessionId: string,
  turnId: string | undefined,
): Promise<TurnStart | undefined> {
  if (turnId === undefined || !turnIdForm.test(turnId)) return undefined
  const query = { types: 'session.activated', turn_id: turnId, limit: 1 }
  const [event] = await listEvents<'session.activated'>(chat.calls, sessionId, query)
  return event && startOf(event)
}

/** The beginning of the latest turn of a session, or of the latest before an event. */
export async function findLastTurn(
  chat: Chat,
  sessionId: string,
  before?: number,
): Promise<TurnStart | undefined> {
  const latest = { types: 'session.activated', order_desc: true, limit: 1 }
  const query = before === undefined ? latest : { ...latest, before_sequence: before }
  const [event] = await listEvents<'session.activated'>(chat.calls, sessionId, query)
  return event && startOf(event)
}

const turnTypes = [
  'turn.started',
  'act.started',
  'tool.approval_requested',
  'tool.approval_resolved',
  'tool.call_requested',
  'tool.input_resolved',
  'tool.started',
  'tool.completed',
  'act.completed',
  'budget.exhausted',
  'budget.paused',
  'budget.resumed',
  'turn.completed',
  'turn.failed',
  'turn.cancelled',
  'session.idled',
] as const satisfies EventType[]

/** A turn as the log has it now. */
export type TurnSnapshot = {
  calls: OpenCall[]
  isParked: boolean
  isOver: boolean
  /** `sequence` of the event with which it ended or was cancelled. */
  endedAt: number | undefined
  /** `sequence` and time of the last event that was read. */
  sequence: number
  at: string | undefined
}

export async function readTurn(
  chat: Chat,
  sessionId: string,
  { turnId, sequence }: TurnStart,
): Promise<TurnSnapshot> {
  const target = { turnId }
  const form = { ...formOf(chat), answeredUntil: Number.POSITIVE_INFINITY }
  let fold = beginTurnFold({ ...form, target })
  let last = undefined as Event | undefined
  let endedAt: number | undefined
  await chat.read(sessionId, { after: sequence - 1, types: turnTypes }, (event) => {
    fold = foldTurn(fold, event).fold
    last = event
    if (fold.isOver || fold.cancelled !== undefined) endedAt ??= event.sequence
    return fold.isOver
  })
  return {
    calls: openCallsOf(fold),
    isParked: fold.parkedAt !== undefined,
    isOver: fold.isOver,
    endedAt,
    sequence: last?.sequence ?? sequence,
    at: last?.ts,
  }
}

/** Fold options of a turn from its beginning: waits that are over do not end its message. */
export const attachTo = (
  chat: Chat,
  { turnId }: TurnStart,
  { isParked, sequence }: TurnSnapshot,
): FoldOptions => ({
  ...formOf(chat),
  target: { turnId },
  answeredUntil: isParked ? sequence - 1 : sequence,
})
