import { ErrorResponse, NewFork, Session } from '@outlast/contract'
import { creatorOf } from '../../../access/principal.ts'
import { masked } from '../../../capabilities/catalog/masking.ts'
import { ApiError, invalidAt } from '../../../errors.ts'
import { newId, parseId } from '../../../ids.ts'
import { modelScope } from '../../../providers/keys.ts'
import { checkFork, forkSession, forkWithKey } from '../../../runtime/inbox/fork.ts'
import type { Db } from '../../../store/database.ts'
import { sequenceOf } from '../../../store/log/events.ts'
import { checkModel } from '../../../store/models/models.ts'
import { getForkSource } from '../../../store/sessions/forks.ts'
import type { Api } from '../../core/api.ts'
import { sessionView } from '../../security/token-view.ts'

export function forkRoutes({ app, node }: Api): void {
  app.route<{ Params: { session_id: string }; Body: NewFork }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/fork',
    config: {
      forToken: 'write',
      forEndUser: true,
      tokenNeeds: 'operation',
      tokenFields: ['at_sequence', 'event_id', 'title'],
      unaudited: true,
      bodyOptional: true,
    },
    schema: {
      operationId: 'fork_session',
      body: NewFork,
      response: { 201: Session, 404: ErrorResponse, '4xx': ErrorResponse },
    },
    async handler({ params, principal, body, db, committed }, reply) {
      const { orgId } = principal
      const sessionId = parseId('session', params.session_id)
      const source = await getForkSource(db, orgId, sessionId)
      const sequence = await cutOf(db, { sessionId, last: source.sequence }, body)
      if (body.model_id) await checkModel(db, modelScope(node.config, orgId), body.model_id)
      await checkFork(node, db, { orgId, source, sequence })
      const creator = creatorOf(principal)
      const id = newId('session')
      const fork = { orgId, sessionId, id, source, sequence, changes: body, creator }
      const session = await (body.take_key ? forkWithKey : forkSession)(node, db, fork)
      if (body.take_key) {
        committed.push(() => node.bus.changed(orgId, { noun: 'session', id: sessionId }))
      }
      committed.push(() => node.bus.changed(orgId, { noun: 'session', id }))
      return reply.code(201).send(sessionView(principal, masked(node.capabilities, session)))
    },
  })
}

/** The last event that is to be copied. Contract: throws 400 when the session does not have it. */
async function cutOf(
  db: Db,
  { sessionId, last }: { sessionId: string; last: number },
  { at_sequence, event_id }: NewFork,
): Promise<number> {
  if (event_id != null) {
    if (at_sequence != null) throw invalidAt('event_id', 'must not be combined with at_sequence')
    return sequenceOf(db, sessionId, event_id)
  }
  if (at_sequence != null && at_sequence > last) {
    throw new ApiError('unknown_sequence', String(at_sequence))
  }
  return at_sequence ?? last
}
