import {
  type ContentPart,
  type EventMessage,
  RetryPolicy,
  type ScheduleTarget,
  SendMessageInput,
  StartSessionInput,
} from '@outlast/contract'
import { problemsOf } from '../../capabilities/schemas/validation.ts'
import { checkedControls } from '../../capabilities/turns/turn-settings.ts'
import { ApiError, invalidAt, invalidFields } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { Db } from '../../store/database.ts'
import { findAgent } from '../../store/models/agents.ts'
import type { ModelScope } from '../../store/models/model-scope.ts'
import { checkModel } from '../../store/models/models.ts'
import type { ExecutionOutcome } from '../../store/schedules/schedule-executions.ts'
import { findScheduleCreator } from '../../store/schedules/schedules.ts'
import { findSequence } from '../../store/sessions/messages.ts'
import { countRunningTurns } from '../../store/turns/turns.ts'
import { acceptInput, checkImages } from '../inbox/accept.ts'
import { openSession } from '../inbox/create-session.ts'
import { withImageNames } from '../inbox/message-images.ts'
import type { Node } from '../node.ts'

const types = ['workflow', 'activity']
const inputs = { send_message: SendMessageInput, start_session: StartSessionInput }
const targetKbMax = 256
const policyKbMax = 16

type Where = { db: Db; orgId: string; models: ModelScope }

/**
 * Validates a target and serializes it. Contract: throws 400 with details for an unknown type or
 * name, an invalid input, and a session, agent or model that the organization does not have.
 */
export async function checkTarget(where: Where, target: ScheduleTarget): Promise<string> {
  if (!types.includes(target.type)) {
    const details = [{ path: 'target/type', message: `must be one of ${types.join(', ')}` }]
    throw new ApiError('invalid_target_type', undefined, details)
  }
  const { type, name } = target
  if (name !== 'send_message' && name !== 'start_session') {
    throw invalidAt('target/name', `must be one of ${Object.keys(inputs).join(', ')}`)
  }
  const given = target.input
  checkFit(inputs[name], given, 'target/input')
  checkSaid(given as TargetMessage)
  await withImageNames(where.db, where, targetContent(given as TargetMessage))
  if (name === 'send_message') await checkSession(where, given as SendMessageInput)
  else await checkStart(where, given as StartSessionInput)
  const { controls } = given as SendMessageInput
  const checked = controls && { controls: checkedControls(controls, 'target/input/controls') }
  const known = Object.entries({ ...(given as object), ...checked }).filter(
    ([key]) => key in inputs[name].properties,
  )
  const kept = JSON.stringify({ type, name, input: Object.fromEntries(known) })
  checkSize('target', kept, targetKbMax)
  return kept
}

function checkFit(schema: Parameters<typeof problemsOf>[0], value: unknown, at: string) {
  const problems = problemsOf(schema, value)
  if (problems.length === 0) return
  const details = problems.map(({ path, message }) => ({ path: at + path, message }))
  throw invalidFields(details)
}

function checkSize(path: string, json: string, kbMax: number) {
  if (Buffer.byteLength(json) <= kbMax * 1024) return
  throw invalidAt(path, `must have at most ${kbMax} KiB`)
}

type TargetMessage = Pick<SendMessageInput, 'text' | 'message'>

function checkSaid({ text, message }: TargetMessage) {
  if ((text == null) === (message == null)) {
    throw invalidAt('target/input', 'needs either text or message')
  }
  const content = targetContent({ text, message })
  if (content.some(({ type }) => type === 'tool_result')) {
    throw invalidAt('target/input/message', 'must not contain a tool result: no call requests it')
  }
  checkImages(content, 'target/input/message/content')
}

async function checkSession({ db, orgId }: Where, { session_id }: SendMessageInput) {
  if ((await findSequence(db, orgId, session_id)) !== undefined) return
  throw invalidAt('target/input/session_id', 'is not the id of a session of this organization')
}

async function checkStart({ db, orgId, models }: Where, { agent_id, model_id }: StartSessionInput) {
  const agent = await findAgent(db, orgId, agent_id)
  if (!agent)
    throw invalidAt('target/input/agent_id', 'is not the id of an agent of this organization')
  if (agent.status === 'archived') throw invalidAt('target/input/agent_id', 'is archived')
  if (model_id) await checkModel(db, models, model_id, 'target/input/model_id')
}

/** Validates a retry policy and serializes it; null for none. Contract: throws 400. */
export function checkRetryPolicy(policy: unknown): string | null {
  if (policy == null) return null
  checkFit(RetryPolicy, policy, 'retry_policy')
  const kept = JSON.stringify(policy)
  checkSize('retry_policy', kept, policyKbMax)
  return kept
}

const attemptsDefault = 3
const retrySecondsFirst = 5
const retrySecondsMax = 300

const attemptsOf = (policy: unknown) =>
  (policy as { max_attempts?: number } | null)?.max_attempts ?? attemptsDefault

/** One execution of a schedule. */
export type Task = {
  orgId: string
  target: ScheduleTarget
  executionId: string
  scheduleId: string
  scheduledAt: string
  /** Time by the database's clock. */
  now: string
  /** Number of the attempt, from 1. */
  attempt: number
  retryPolicy: unknown
  /** Id of the new session, if the target starts one. */
  sessionId: string
}

export type Done = ExecutionOutcome & {
  /** Set when the schedule should be paused. */
  pausedReason?: string
  /** Called after the commit. */
  publish?: () => void
}

/**
 * Executes a target with the same store functions as a request.
 * Contract: errors of the request are an outcome. Throws only for errors of the server or the
 * database; then the transaction must not be committed.
 */
export async function carryOut(node: Node, db: Db, task: Task): Promise<Done> {
  try {
    const { message, sessionId, ...accepted } = await (task.target.name === 'send_message'
      ? sendMessage(node, db, task)
      : startSession(node, db, task))
    return {
      status: 'running',
      sessionId,
      messageId: message.id,
      messageSequence: accepted.sequence,
      ...(accepted.turnId && { turnId: accepted.turnId }),
      publish: accepted.publish,
    }
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) return outcomeOfRefusal(error, task)
    throw error
  }
}

/** The outcome of a refusal. Quotas are retried with exponential backoff. */
function outcomeOfRefusal({ code, message: error }: ApiError, task: Task): Done {
  switch (code) {
    case 'session_busy':
      return { status: 'skipped', error }
    case 'not_found':
      return { status: 'failed', error, pausedReason: `${error}: the schedule is paused.` }
    case 'too_many_messages':
    case 'too_many_turns':
    case 'quota_exceeded': {
      if (task.attempt >= attemptsOf(task.retryPolicy)) return { status: 'failed', error }
      const seconds = retrySecondsFirst * 2 ** (task.attempt - 1)
      return { status: 'pending', error, retryAfter: Math.min(seconds, retrySecondsMax) }
    }
    default:
      return { status: 'failed', error }
  }
}

async function sendMessage(node: Node, db: Db, task: Task) {
  const { session_id: sessionId, ...input } = task.target.input as SendMessageInput
  const { orgId } = task
  const message = scheduledMessage(task, input)
  await node.quotas.checkStorage(db, orgId)
  const onBusy = input.on_busy ?? 'queue'
  const posted = { orgId, sessionId, message, onBusy, mayBegin: false }
  return { message, sessionId, ...(await acceptInput(node, db, posted)) }
}

async function startSession(node: Node, db: Db, task: Task) {
  const { text, message: said, ...wanted } = task.target.input as StartSessionInput
  const { orgId, sessionId, scheduleId } = task
  const message = scheduledMessage(task, { text, message: said })
  const { turnsMax } = node.quotas
  // Checked before a session is created: a refusal must leave nothing behind.
  if (turnsMax !== null && (await countRunningTurns(db, orgId, turnsMax)) >= turnsMax) {
    throw new ApiError('too_many_turns')
  }
  const creator = await findScheduleCreator(db, orgId, scheduleId)
  await openSession(node, db, { orgId, wanted, id: sessionId, creator })
  const posted = { orgId, sessionId, message, onBusy: 'steer' as const, mayBegin: false }
  return { message, sessionId, ...(await acceptInput(node, db, { ...posted, turnsMax: null })) }
}

function scheduledMessage(
  task: Task,
  { text, message, controls }: TargetMessage & { controls?: unknown },
) {
  const { scheduleId, executionId, scheduledAt } = task
  return {
    id: newId('message'),
    role: 'user',
    content: targetContent({ text, message }),
    created_at: task.now,
    ...(controls != null && { controls }),
    metadata: {
      schedule_id: scheduleId,
      execution_id: executionId,
      scheduled_at: scheduledAt,
    },
  } as EventMessage
}

function targetContent({ text, message }: TargetMessage): ContentPart[] {
  if (typeof message === 'object' && message !== null) return message.content
  return [{ type: 'text', text: text ?? message ?? '' }]
}
