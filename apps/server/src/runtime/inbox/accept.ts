import type { EventMessage, OnBusy } from '@outlast/contract'
import { needsOwnTurn } from '../../capabilities/turns/turn-settings.ts'
import { ApiError, invalidAt } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { modelScope } from '../../providers/keys.ts'
import type { Db } from '../../store/database.ts'
import { publishEvents } from '../../store/log/publish.ts'
import type { SessionScope } from '../../store/scope.ts'
import { acceptMessage, type MessageConditions } from '../../store/sessions/messages.ts'
import { restFor, textPreview, withoutNul } from '../../text.ts'
import type { Node } from '../node.ts'
import { interruptSession } from './cancel.ts'

const imagesMax = 20

/** Refuses a message with too many images. Contract: throws 400. */
export function checkImages(content: EventMessage['content'], path: string): void {
  const images = content.filter(({ type }) => type === 'image' || type === 'image_file')
  if (images.length > imagesMax) throw invalidAt(path, `must have at most ${imagesMax} images`)
}

/** Refuses content that a user cannot send. Contract: throws 400. */
export function checkContent(content: EventMessage['content'], path: string): void {
  if (content.some(({ type }) => type === 'tool_result')) {
    throw invalidAt(path, 'holds a result, which only a message of the role tool_result may')
  }
  checkImages(content, path)
}

export type MessageToAccept = {
  orgId: string
  sessionId: string
  message: EventMessage
  onBusy: OnBusy
  /** The trace context of the caller, as a `traceparent` header. */
  traceparent?: string | undefined
  /** Whether this node may start the turn without the queue. Otherwise the turn gets a job. */
  mayBegin: boolean
  /** Limit of the organization's running turns in place of its quota; null: unlimited. */
  turnsMax?: number | null
  /** Its sender, if that is an end user with limited turns. */
  endUser?: SessionScope | undefined
} & MessageConditions

export type AcceptedInput = {
  sequence: number
  /** The turn that the message starts; undefined when it is queued or steers a running turn. */
  turnId: string | undefined
  /** The stored message as JSON. */
  json: string
  /** Notifies followers and starts the turn. Called after the commit. */
  publish: () => void
}

/**
 * Stores a message. The same statement decides how it affects a running turn. A message with
 * settings for its turn joins no other turn: where it would, it is queued.
 * Contract: throws 404, `changed_meanwhile`, `session_busy`, `too_many_messages`, `too_many_turns`.
 */
export async function acceptInput(
  node: Node,
  db: Db,
  { orgId, sessionId, message, onBusy, traceparent, mayBegin, endUser, ...limits }: MessageToAccept,
): Promise<AcceptedInput> {
  const { turnsMax = node.quotas.turnsMax, ifSequence, ifKey } = limits
  const json = JSON.stringify(message)
  await restFor(json.length)
  const data = `{"message":${json}}`
  const tags = message.tags?.map(withoutNul) ?? null
  const modelId = message.controls?.model_id ?? null
  const context = inputContext(message, traceparent)
  const preview = previewText(message)
  const input = { data, tags, modelId, preview, context, ifSequence, ifKey }
  if (onBusy === 'interrupt') {
    const interrupted = await interruptSession(node, db, { orgId, sessionId, input })
    if (interrupted) {
      const publish = () => void interrupted.settle()
      return { sequence: interrupted.sequence, turnId: undefined, json, publish }
    }
  }
  const isQueued = onBusy === 'queue' || needsOwnTurn(message)
  const busyData = isQueued ? `{"on_busy":"queue","message":${json}}` : null
  const onlyIdle = onBusy === 'reject'
  const nodeId = mayBegin && node.local.hasRoom() ? node.id : null
  const { keyedTypes } = modelScope(node.config, orgId)
  const ids = { turnId: newId('turn'), messageId: message.id, nodeId, keyedTypes }
  const asked = { ...input, ...ids, busyData, onlyIdle, turnsMax }
  const { userTurnsMax } = node.quotas
  const by = endUser && { user: endUser, max: userTurnsMax }
  const accepted = await acceptMessage(db, { orgId, sessionId }, asked, by)
  if (accepted.refused === 'not_found') throw new ApiError('not_found', 'Session')
  if (accepted.refused === 'changed_meanwhile') throw new ApiError('changed_meanwhile', 'Session')
  if (accepted.refused !== null) throw new ApiError(accepted.refused)
  const { sequence, ts, begins } = accepted
  const row = { sequence, type: 'input.message' as const, ts, context, tags }
  const stored = { ...row, data: begins ? data : (busyData ?? data) }
  const publish = () => {
    publishEvents(node.bus, { orgId, sessionId }, { first: sequence, ts, events: [stored] })
    const ref = { orgId, sessionId, turnId: ids.turnId }
    if (begins && nodeId) node.local.begin({ ref, taken: accepted, input: stored })
  }
  return { sequence, turnId: begins ? ids.turnId : undefined, json, publish }
}

/**
 * Builds the context of a message's event. Shape 2 has settings for a turn, without which nodes of
 * 0.1 would run it.
 */
export function inputContext(message: EventMessage, traceparent: string | undefined): string {
  const hasSettings = needsOwnTurn(message) || message.controls?.max_output_tokens != null
  return JSON.stringify({ ...(traceparent && { traceparent }), ...(hasSettings && { v: 2 }) })
}

function previewText({ content }: EventMessage): string | null {
  const text = content.find((part) => part.type === 'text')
  return text ? withoutNul(textPreview(text.text)) : null
}
