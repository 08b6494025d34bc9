import {
  CancelTurn,
  CancelTurnResponse,
  ErrorResponse,
  NewSession,
  Preview,
  Session,
  SessionChange,
  SessionPage,
  SessionQuery,
} from '@outlast/contract'
import { userOfNewSession } from '../../../access/grants.ts'
import { creatorOf, type Principal } from '../../../access/principal.ts'
import { masked } from '../../../capabilities/catalog/masking.ts'
import { turnSettingsOf } from '../../../capabilities/turns/turn-settings.ts'
import { ApiError } from '../../../errors.ts'
import { parseId } from '../../../ids.ts'
import { cancelSession } from '../../../runtime/inbox/cancel.ts'
import { openSession } from '../../../runtime/inbox/create-session.ts'
import { deleteSession } from '../../../store/session-deletion.ts'
import { listSessions } from '../../../store/sessions/session-lists.ts'
import { getSession, updateSession } from '../../../store/sessions/sessions.ts'
import { findTurnInput } from '../../../store/turns/turn-inputs.ts'
import type { Api } from '../../core/api.ts'
import { listed, rangeOf } from '../../core/page.ts'
import { inUtc } from '../../core/utc.ts'
import { sessionView } from '../../security/token-view.ts'
import { sessionPreview } from '../agents/preview.ts'

type Params = { session_id: string }

const pageFields = ['offset', 'limit']
const sessionFilters = [
  ...['agent_id', 'user', 'key', 'status', 'outcome', 'waiting', 'tag', 'search'],
  ...['q', 'since', 'until', 'forked_from'],
]

export function sessionRoutes(api: Api): void {
  listRoutes(api)
  readRoutes(api)
  sessionChangeRoutes(api)
}

const shown = ({ capabilities }: Api['node'], session: Session) => masked(capabilities, session)

/** Found sessions have an order of their own, and show texts of messages. */
function checkSearch(
  { q, sort = 'created_at', order = 'desc' }: SessionQuery,
  { grants }: Principal,
) {
  if (q === undefined) return
  if (sort !== 'created_at' || order !== 'desc') {
    throw new ApiError(
      'invalid_request',
      'q lists the newest sessions first, without sort and order.',
    )
  }
  const { operations } = grants ?? {}
  if (operations && !operations.includes('list_messages')) {
    throw new ApiError('not_granted', 'the operation list_messages')
  }
}

function listRoutes({ app, node }: Api): void {
  app.route<{ Querystring: SessionQuery }>({
    method: 'GET',
    url: '/v1/sessions',
    config: {
      forToken: 'read',
      forEndUser: true,
      // Without those of administration, such as the legal hold, which tokens do not see.
      tokenFields: [...pageFields, ...sessionFilters],
    },
    schema: {
      operationId: 'list_sessions',
      querystring: SessionQuery,
      response: { 200: SessionPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal, db }) {
      const range = rangeOf(query)
      checkSearch(query, principal)
      const { orgId, userId, endUser: scope } = principal
      const page = await listSessions(db, orgId, { ...inUtc(query), ...range, userId, scope })
      const data = page.data.map((one) => sessionView(principal, shown(node, one)))
      return listed({ ...page, data }, range)
    },
  })

  app.route<{ Body: NewSession }>({
    method: 'POST',
    url: '/v1/sessions',
    config: {
      forToken: 'write',
      forEndUser: true,
      tokenFields: ['agent_id', 'user', 'key', 'title', 'model_id'],
      unaudited: true,
    },
    schema: {
      operationId: 'create_session',
      body: NewSession,
      response: { 200: Session, 201: Session, 404: ErrorResponse, '4xx': ErrorResponse },
    },
    async handler({ body, principal, db, committed }, reply) {
      const { orgId, userId } = principal
      const user = userOfNewSession(principal, body)
      const creator = creatorOf(principal)
      const opening = { orgId, wanted: { ...body, user }, userId, creator }
      const { session, isNew } = await openSession(node, db, opening)
      if (!isNew) {
        reply.header('outlast-session', 'existing')
        return reply.code(200).send(sessionView(principal, shown(node, session)))
      }
      committed.push(() => node.bus.changed(orgId, { noun: 'session', id: session.id }))
      return reply.code(201).send(sessionView(principal, shown(node, session)))
    },
  })
}

function readRoutes({ app, node }: Api): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/sessions/:session_id',
    config: { forToken: 'read' },
    schema: {
      operationId: 'get_session',
      response: { 200: Session, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }) {
      const id = parseId('session', params.session_id)
      const session = await getSession(db, principal.orgId, id, principal.userId)
      return sessionView(principal, shown(node, session))
    },
  })

  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/preview',
    schema: {
      operationId: 'preview_session',
      response: { 200: Preview, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, db }) {
      const session = await getSession(db, orgId, parseId('session', params.session_id))
      const turn_settings = turnSettingsOf(await findTurnInput(db, orgId, session.id))
      const preview = await sessionPreview({ ...node, db }, orgId, session)
      return { ...preview, ...(turn_settings && { turn_settings }) }
    },
  })
}

function sessionChangeRoutes({ app, node }: Api): void {
  app.route<{ Params: Params; Body: SessionChange }>({
    method: 'PATCH',
    url: '/v1/sessions/:session_id',
    config: { forToken: 'write', tokenNeeds: 'operation', tokenFields: ['title'] },
    schema: {
      operationId: 'update_session',
      body: SessionChange,
      response: { 200: Session, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { params, principal, body, db } = request
      const { orgId, userId } = principal
      const id = parseId('session', params.session_id)
      const { legal_hold } = body
      if (legal_hold != null) {
        if (principal.level !== 'admin') throw new ApiError('forbidden', 'admin')
        request.auditNote = { details: { legal_hold } }
      }
      const changed = await updateSession(db, { orgId, id, userId }, body)
      return sessionView(principal, shown(node, changed))
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: '/v1/sessions/:session_id',
    config: { forToken: 'write', tokenNeeds: 'operation' },
    schema: { operationId: 'delete_session', response: { '4xx': ErrorResponse } },
    async handler({ params, principal, db, committed }, reply) {
      const id = parseId('session', params.session_id)
      await deleteSession(db, principal.orgId, id)
      committed.push(() => node.bus.deleted({ orgId: principal.orgId, sessionId: id }))
      return reply.code(204).send()
    },
  })

  app.route<{ Params: Params; Body: CancelTurn }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/cancel',
    config: { forToken: 'write', unaudited: true, whenFull: true, bodyOptional: true },
    schema: {
      operationId: 'cancel_turn',
      body: CancelTurn,
      response: { 200: CancelTurnResponse, '4xx': ErrorResponse },
    },
    async handler({ params, body, principal, db, committed }) {
      const sessionId = parseId('session', params.session_id)
      const ref = { orgId: principal.orgId, sessionId }
      const cancelled = await cancelSession(node, db, ref, body.turn_id ?? undefined)
      if (!cancelled) throw new ApiError('not_found', 'Session')
      committed.push(cancelled.settle)
      return cancelled.answer
    },
  })
}
