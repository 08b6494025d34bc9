import type { FastifyRequest } from 'fastify'
import { ApiError } from '../../../errors.ts'
import { parseId } from '../../../ids.ts'
import { secondsUntilLimit } from '../../../store/budgets/channel-limits.ts'
import {
  type ChannelOwner,
  getOwnedSession,
  type OwnedSession,
} from '../../../store/sessions/channel-sessions.ts'
import { type ChannelViewer, viewerOf } from '../../security/channel-view.ts'

export const base = '/v1/channels/:channel_id'

export type SessionParams = { channel_id: string; session_id: string }

type Request = Pick<FastifyRequest, 'principal' | 'db'>

/** The sessions of the caller. */
export function callerOwner({ principal }: Pick<Request, 'principal'>): ChannelOwner {
  const { orgId, endUser } = principal
  const { channel, keyId } = principal.channel!
  return { orgId, channelId: channel.id, keyId, user: endUser?.user ?? null }
}

/**
 * Refuses new work of an end user who has used up the spending limit of the channel.
 * Contract: throws 429 `spending_limit`, with the time until the next day.
 */
export async function checkSpending({ principal, db }: Request): Promise<void> {
  const { user, ...owner } = callerOwner({ principal })
  const limit = principal.channel!.channel.settings.spending_limit
  if (limit === null || user === null) return
  const seconds = await secondsUntilLimit(db, { ...owner, user }, limit)
  if (seconds !== undefined) throw new ApiError('spending_limit', undefined, undefined, seconds)
}

export const viewerIn = ({ principal }: Pick<Request, 'principal'>): ChannelViewer =>
  viewerOf(principal.channel!, principal.endUser !== undefined)

/** Contract: throws 404, also for an id of the wrong form and for a session of another caller. */
export function ownSession(request: Request, { session_id }: SessionParams): Promise<OwnedSession> {
  return getOwnedSession(request.db, callerOwner(request), sessionIdOf(session_id))
}

function sessionIdOf(id: string): string {
  try {
    return parseId('session', id)
  } catch {
    throw new ApiError('not_found', 'Session')
  }
}

/** The path of a channel under the prefix of the request. */
export function pathOf({ originalUrl, principal }: FastifyRequest): string {
  const prefix = originalUrl.startsWith('/api/') ? '/api' : ''
  return `${prefix}/v1/channels/${principal.channel!.channel.id}`
}
