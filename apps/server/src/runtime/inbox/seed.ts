import type { EventDataOf, EventMessage, SeedMessage } from '@outlast/contract'
import { ApiError, invalidAt } from '../../errors.ts'
import { databaseNow, newId } from '../../ids.ts'
import { isJsonObject } from '../../json.ts'
import type { Db } from '../../store/database.ts'
import { textOfResult } from '../../store/log/conversation.ts'
import type { Seed } from '../../store/sessions/sessions.ts'
import { textPreview, withoutNul } from '../../text.ts'
import { makeDraft } from '../journal/journal.ts'
import { toolCallsOf } from '../log/open-calls.ts'
import { contentText } from '../log/state.ts'
import { checkImages } from './accept.ts'
import { withImageNames } from './message-images.ts'

export const seedBytesMax = 1024 * 1024

const partsOf: Record<SeedMessage['role'], readonly string[]> = {
  user: ['text', 'image', 'image_file'],
  agent: ['text', 'tool_call'],
  tool_result: ['tool_result'],
}

/**
 * Converts the messages that a new session begins with to its events.
 * Contract: throws 400 for parts that the role cannot have, `tool_call_unpaired`,
 * `image_unknown` and `history_too_large`.
 */
export async function seedOf(
  db: Db,
  of: { orgId: string; user: string | null },
  given: readonly SeedMessage[],
): Promise<Seed> {
  const messages: SeedMessage[] = []
  for (const message of given) {
    messages.push({ ...message, content: await withImageNames(db, of, message.content) })
  }
  const open = new Map<string, string>()
  const seen = new Set<string>()
  const created_at = new Date(databaseNow()).toISOString()
  const events = messages.flatMap(({ role, content }, index) => {
    checkParts(role, content, `messages/${index}/content`)
    if (role === 'tool_result') return content.map((part) => resultEvent(part, open))
    checkPaired(open)
    const calls = toolCallsOf(content)
    for (const { id, name } of calls) {
      if (seen.has(id)) throw new ApiError('tool_call_unpaired', id)
      seen.add(id)
      open.set(id, name)
    }
    const message: EventMessage = { id: newId('message'), role, content, created_at }
    const type = role === 'user' ? 'input.message' : 'output.message.completed'
    return makeDraft(type, {}, { message, imported: true }).stored
  })
  checkPaired(open)
  const bytes = events.reduce((sum, { data }) => sum + Buffer.byteLength(data), 0)
  if (bytes > seedBytesMax) throw new ApiError('history_too_large', String(seedBytesMax))
  return { events, bytes, ...previewsOf(messages) }
}

function checkParts(role: SeedMessage['role'], content: SeedMessage['content'], path: string) {
  for (const [index, part] of content.entries()) {
    if (!partsOf[role].includes(part.type)) {
      throw invalidAt(`${path}/${index}/type`, `must not be ${part.type} for the role ${role}`)
    }
    if (part.type === 'tool_call' && !isJsonObject(part.arguments)) {
      throw invalidAt(`${path}/${index}/arguments`, 'must be a JSON object')
    }
  }
  if (role === 'user') checkImages(content, path)
}

function checkPaired(open: ReadonlyMap<string, string>): void {
  for (const id of open.keys()) throw new ApiError('tool_call_unpaired', id)
}

function resultEvent(part: SeedMessage['content'][number], open: Map<string, string>) {
  if (part.type !== 'tool_result') throw new Error(`A result is not a ${part.type}.`)
  const { tool_call_id, result, error } = part
  const tool_name = open.get(tool_call_id)
  if (tool_name === undefined) throw new ApiError('tool_call_unpaired', tool_call_id)
  open.delete(tool_call_id)
  const outcome: Pick<
    EventDataOf<'tool.completed'>,
    'success' | 'status' | 'result' | 'error'
  > = error == null
    ? {
        success: true,
        status: 'success',
        result: [{ type: 'text', text: textOfResult(result) }],
      }
    : { success: false, status: 'error', error }
  const about = { tool_call_id, tool_name, imported: true as const }
  return makeDraft('tool.completed', {}, { ...about, ...outcome }).stored
}

/** The previews that the session would have if its turns had run. */
function previewsOf(messages: readonly SeedMessage[]) {
  const preview = (text: string | undefined) =>
    text === undefined ? null : withoutNul(textPreview(text.toWellFormed()))
  const texts = (role: SeedMessage['role']) =>
    messages.filter((one) => one.role === role).map(({ content }) => contentText(content))
  return {
    preview: preview(texts('user').find((text) => text !== undefined)),
    outputPreview: preview(texts('agent').findLast((text) => text)),
  }
}
