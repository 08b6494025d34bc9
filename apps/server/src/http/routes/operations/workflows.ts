import {
  CancelTurnResponse,
  ErrorResponse,
  EventPage,
  PageQuery,
  Why,
  type Workflow,
  WorkflowDetail,
  WorkflowPage,
  WorkflowQuery,
} from '@outlast/contract'
import type { Principal } from '../../../access/principal.ts'
import { ApiError } from '../../../errors.ts'
import { newId, parseId } from '../../../ids.ts'
import { cancelSession } from '../../../runtime/inbox/cancel.ts'
import { explainFailure, explainSession } from '../../../runtime/why.ts'
import type { Db } from '../../../store/database.ts'
import { readThese } from '../../../store/log/events.ts'
import { presentEvents } from '../../../store/log/present-events.ts'
import { getSession } from '../../../store/sessions/sessions.ts'
import { retryTurn } from '../../../store/turns/retries.ts'
import { findSequences, findWorkflow, listWorkflows } from '../../../store/turns/workflows.ts'
import { jsonBatches } from '../../adapters/event-json.ts'
import type { Api } from '../../core/api.ts'
import { listed, rangeOf, streamList } from '../../core/page.ts'

type Params = { turn_id: string }

export function workflowRoutes(api: Api): void {
  readRoutes(api)
  endRoutes(api)
  whyRoute(api)
}

function readRoutes({ app }: Api): void {
  app.route<{ Querystring: WorkflowQuery }>({
    method: 'GET',
    url: '/v1/durable/workflows',
    schema: {
      operationId: 'list_workflows',
      querystring: WorkflowQuery,
      response: { 200: WorkflowPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal, db }) {
      const range = rangeOf(query)
      return listed(await listWorkflows(db, principal.orgId, { ...query, ...range }), range)
    },
  })

  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/durable/workflows/:turn_id',
    schema: {
      operationId: 'get_workflow',
      response: { 200: WorkflowDetail, '4xx': ErrorResponse },
    },
    handler: ({ params, principal, db }) => detailOf(db, principal, params.turn_id),
  })

  app.route<{ Params: Params; Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/durable/workflows/:turn_id/events',
    schema: {
      operationId: 'list_workflow_events',
      querystring: PageQuery,
      response: { 200: EventPage, '4xx': ErrorResponse },
    },
    async handler({ params, principal, query, db }, reply) {
      const workflow = await getWorkflow(db, principal, params.turn_id)
      const { orgId } = principal
      const all = await findSequences(db, orgId, workflow)
      const { offset = 0, limit = all.length } = query
      const about = { orgId, sessionId: workflow.session_id }
      const batches = eventsAt(db, about, all.slice(offset, offset + limit))
      return streamList(reply, { total: all.length, offset, batches })
    },
  })
}

function endRoutes({ app, node }: Api): void {
  app.route<{ Params: Params }>({
    method: 'POST',
    url: '/v1/durable/workflows/:turn_id/cancel',
    config: { unaudited: true, whenFull: true },
    schema: {
      operationId: 'cancel_workflow',
      response: { 200: CancelTurnResponse, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db, committed }) {
      const { session_id: sessionId, turn_id } = await getWorkflow(db, principal, params.turn_id)
      const where = { orgId: principal.orgId, sessionId }
      const cancelled = await cancelSession(node, db, where, turn_id)
      if (!cancelled) throw new ApiError('not_found', 'Workflow')
      committed.push(cancelled.settle)
      return cancelled.answer
    },
  })

  app.route<{ Params: Params }>({
    method: 'POST',
    url: '/v1/durable/workflows/:turn_id/retry',
    schema: {
      operationId: 'retry_workflow',
      response: { 201: WorkflowDetail, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }, reply) {
      const failed = await getWorkflow(db, principal, params.turn_id)
      if (failed.status !== 'failed') throw new ApiError('turn_not_failed')
      await node.quotas.checkStorage(db, principal.orgId)
      const turnId = newId('turn')
      const retry = { orgId: principal.orgId, sessionId: failed.session_id, turnId }
      const { turnsMax } = node.quotas
      if (!(await retryTurn(db, { ...retry, failed: failed.turn_id, turnsMax }))) {
        throw await retryRefusal(db, principal, failed)
      }
      return reply.code(201).send(await detailOf(db, principal, turnId))
    },
  })
}

function whyRoute({ app }: Api): void {
  app.route<{ Params: { session_id: string } }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/why',
    config: { forToken: 'read' },
    schema: {
      operationId: 'explain_session',
      response: { 200: Why, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId, kind }, db }) {
      const sessionId = parseId('session', params.session_id)
      const unnamed = kind === 'token'
      const why = await explainSession(db, { orgId, sessionId, unnamed })
      if (!why) throw new ApiError('not_found', 'Session')
      return why
    },
  })
}

const batchSize = 50

async function* eventsAt(
  db: Db,
  about: { orgId: string; sessionId: string },
  sequences: readonly number[],
) {
  for (let at = 0; at < sequences.length; at += batchSize) {
    const rows = await readThese(db, about.sessionId, sequences.slice(at, at + batchSize))
    yield* jsonBatches(presentEvents(db, about, rows))
  }
}

/** Contract: throws 404. */
async function getWorkflow(db: Db, { orgId }: Principal, turnId: string): Promise<Workflow> {
  const found = await findWorkflow(db, orgId, parseId('turn', turnId))
  if (!found) throw new ApiError('not_found', 'Workflow')
  return found
}

async function detailOf(db: Db, principal: Principal, turnId: string): Promise<WorkflowDetail> {
  const workflow = await getWorkflow(db, principal, turnId)
  if (workflow.status === 'failed') return { ...workflow, why: explainFailure(workflow) }
  const { orgId } = principal
  const why = await explainSession(db, { orgId, sessionId: workflow.session_id })
  if (!why) throw new ApiError('not_found', 'Workflow')
  return { ...workflow, why }
}

/** The reason for which a retry was refused. */
async function retryRefusal(db: Db, principal: Principal, { turn_id, session_id }: Workflow) {
  const { retried_as } = await getWorkflow(db, principal, turn_id)
  if (retried_as !== null) return new ApiError('turn_retried', retried_as)
  const { status } = await getSession(db, principal.orgId, session_id)
  return new ApiError(status === 'active' ? 'session_not_idle' : 'too_many_turns')
}
