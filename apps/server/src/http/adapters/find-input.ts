import type { Event } from '@outlast/contract'
import { clientIdField } from '@outlast/contract/folds/ai-sdk'
import type { FastifyRequest } from 'fastify'
import { findInputsWith, wireEvent } from '../../store/log/events.ts'
import type { Api } from '../core/api.ts'
import { eventView, hiddenTypes } from '../security/token-view.ts'
import { checkReader } from './turn-stream.ts'

/** A message of a user. `isLatest`: no other one came after it. */
export type FoundInput = { event: Event<'input.message'>; isLatest: boolean }

/**
 * Finds the latest message of a user with an id that its client, or the server, gave it.
 * `latest`: looks only at so many, for requests that are mostly new ones.
 */
export type FindInput = (
  sessionId: string,
  id: string,
  range?: { latest?: number },
) => Promise<FoundInput | undefined>

const all = 2_147_483_647

/**
 * Finds messages as the caller of a request sees them.
 * Contract: throws 404 for a session that the caller may not read.
 */
export function inputFinder(
  api: Pick<Api, 'node'>,
  request: Pick<FastifyRequest, 'principal' | 'db'>,
): FindInput {
  const { principal, db } = request
  const view = eventView(principal)
  return async (sessionId, id, { latest = all } = {}) => {
    await checkReader(api, request, sessionId, 'list_events')
    if (hiddenTypes(principal).includes('input.message')) return undefined
    const fields = [{ id }, { [clientIdField]: id }]
    for await (const row of findInputsWith(db, sessionId, { fields, latest })) {
      const event = wireEvent(sessionId, row)
      const shown = view ? view(event) : event
      const parsed = shown && (JSON.parse(shown.json) as Event<'input.message'>)
      if (parsed && isNamed(parsed, id)) return { event: parsed, isLatest: row.latest }
    }
    return undefined
  }
}

const isNamed = ({ data: { message } }: Event<'input.message'>, wanted: string) =>
  message.id === wanted || message.metadata?.[clientIdField] === wanted
