import type { EventMessage, OnBusy } from '@outlast/contract'
import { ApiError, invalidAt } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { modelScope } from '../../providers/keys.ts'
import type { Db } from '../../store/database.ts'
import { acceptMessage } from '../../store/sessions/messages.ts'
import { publishEvents } from '../../store/sessions/publish.ts'
import { restFor, textPreview, withoutNul } from '../../text.ts'
import type { Node } from '../node.ts'
import { interruptSession } from './cancel.ts'

const imagesMax = 20

/** Contract: throws 400 for more images than one message may have. */
export function checkImages(content: EventMessage['content'], path: string): void {
  const images = content.filter(({ type }) => type === 'image' || type === 'image_file')
  if (images.length > imagesMax) throw invalidAt(path, `must have at most ${imagesMax} images`)
}

export type MessageToAccept = {
  orgId: string
  sessionId: string
  message: EventMessage
  onBusy: OnBusy
  /** The trace that the caller is in. */
  traceparent?: string | undefined
  /** Whether this node may begin the turn itself; else it has a job for whichever node is first. */
  mayBegin: boolean
  /** Turns that the organization may run at once, where that is not its quota; null: any number. */
  turnsMax?: number | null
}

export type AcceptedInput = {
  sequence: number
  /** The turn that the message begins; undefined when it waits for one, or steers one. */
  turnId: string | undefined
  /** The message. */
  json: string
  /** To be called once it is committed: tells followers, and begins the turn. */
  publish: () => void
}

/**
 * Stores a message; what becomes of it while a turn runs is decided by the statement that stores
 * it.
 * Contract: throws 404, `session_busy`, `too_many_turns`.
 */
export async function acceptInput(
  node: Node,
  db: Db,
  { orgId, sessionId, message, onBusy, traceparent, mayBegin, ...quota }: MessageToAccept,
): Promise<AcceptedInput> {
  const { turnsMax = node.quotas.turnsMax } = quota
  const json = JSON.stringify(message)
  await restFor(json.length)
  const data = `{"message":${json}}`
  const tags = message.tags?.map(withoutNul) ?? null
  const modelId = message.controls?.model_id ?? null
  const context = traceparent ? JSON.stringify({ traceparent }) : '{}'
  const input = { data, tags, modelId, preview: previewText(message), context }
  if (onBusy === 'interrupt') {
    const interrupted = await interruptSession(node, db, { orgId, sessionId, input })
    if (interrupted) {
      const publish = () => void settleLater(node, interrupted.settle)
      return { sequence: interrupted.sequence, turnId: undefined, json, publish }
    }
  }
  const busyData =
    onBusy === 'queue' ? `{"on_busy":${JSON.stringify(onBusy)},"message":${json}}` : null
  const onlyIdle = onBusy === 'reject'
  const nodeId = mayBegin && node.local.hasRoom() ? node.id : null
  const { keyedTypes } = modelScope(node.config, orgId)
  const ids = { turnId: newId('turn'), messageId: message.id, nodeId, keyedTypes }
  const asked = { ...input, ...ids, busyData, onlyIdle, turnsMax }
  const accepted = await acceptMessage(db, { orgId, sessionId }, asked)
  if (accepted.refused === 'not_found') throw new ApiError('not_found', 'Session')
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

/** The client need not wait for the interrupted turn; if this node fails, its own node ends it. */
function settleLater(node: Node, settle: () => Promise<void>) {
  return settle().catch((error) =>
    node.log.warn('an interrupted turn is left to its node', { error }),
  )
}

function previewText({ content }: EventMessage): string | null {
  const text = content.find((part) => part.type === 'text')
  return text ? withoutNul(textPreview(text.text)) : null
}
