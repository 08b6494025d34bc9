import {
  CancelTurnResponse,
  ErrorResponse,
  NewSession,
  Preview,
  Session,
  SessionChange,
  SessionPage,
  SessionQuery,
} from '@outlast/contract'
import { checkCombination, checkUses, mountsOf } from '../capabilities/catalog.ts'
import { checkClientTools, clientToolsOf } from '../capabilities/client-tools.ts'
import { masked, unmasked } from '../capabilities/masking.ts'
import { capabilitiesFor } from '../capabilities/mcp.ts'
import { ApiError } from '../errors.ts'
import { parseId } from '../ids.ts'
import { cancelSession } from '../runtime/cancel.ts'
import { fileLimits } from '../runtime/node.ts'
import { getAgent } from '../store/agents.ts'
import { atomically, type Db } from '../store/database.ts'
import { keepMounts, mountFiles } from '../store/file-changes.ts'
import { checkModel } from '../store/models.ts'
import {
  createSession,
  deleteSession,
  getSession,
  listSessions,
  updateSession,
} from '../store/sessions.ts'
import type { Api } from './api.ts'
import { listed, rangeOf } from './page.ts'
import { previewOf } from './preview.ts'

type Params = { session_id: string }

export function sessionRoutes({ app, node }: Api): void {
  const { db, capabilities } = node
  const shown = (session: Session) => masked(capabilities, session)

  app.route<{ Querystring: SessionQuery }>({
    method: 'GET',
    url: '/v1/sessions',
    schema: {
      operationId: 'list_sessions',
      querystring: SessionQuery,
      response: { 200: SessionPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal }) {
      const range = rangeOf(query)
      const page = await listSessions(db, principal.orgId, { ...query, ...range })
      return listed({ ...page, data: page.data.map(shown) }, range)
    },
  })

  app.route<{ Body: NewSession }>({
    method: 'POST',
    url: '/v1/sessions',
    config: { unaudited: true },
    schema: {
      operationId: 'create_session',
      body: NewSession,
      response: { 201: Session, 404: ErrorResponse, '4xx': ErrorResponse },
    },
    async handler({ body, principal, db }, reply) {
      const agent = await getAgent(db, principal.orgId, body.agent_id)
      if (agent.status === 'archived') throw new ApiError('agent_archived', agent.id)
      const uses = unmasked(capabilities, body.capabilities ?? [], [])
      const tools = checkClientTools(body.tools)
      const clientTools = clientToolsOf(agent.tools ?? [], tools)
      const named = { uses: [...agent.capabilities, ...uses], clientTools }
      const list = await capabilitiesFor({ ...node, db }, principal.orgId, named)
      checkUses(list, uses)
      checkCombination(list, agent.capabilities, uses, clientTools)
      if (body.model_id) await checkModel(db, principal.orgId, body.model_id)
      const model_id = body.model_id ?? agent.default_model_id ?? null
      const mounts = mountsOf(capabilities, agent.capabilities, uses)
      const create = (db: Db) => createSession(db, principal.orgId, { ...body, model_id, tools })
      if (mounts.length > 0) await node.quotas.checkStorage(principal.orgId)
      // Last: the other check may read the counts anew, which do not have this session yet.
      await node.quotas.checkSessions(principal.orgId)
      if (mounts.length === 0) return reply.code(201).send(shown(await create(db)))
      const limits = fileLimits(node.config)
      const kept = await keepMounts(db, principal.orgId, { mounts, limits })
      const session = await atomically(db, async (db) => {
        const made = await create(db)
        await mountFiles(db, made, kept, limits)
        return made
      })
      return reply.code(201).send(shown(session))
    },
  })

  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/sessions/:session_id',
    config: { forToken: 'read' },
    schema: {
      operationId: 'get_session',
      response: { 200: Session, '4xx': ErrorResponse },
    },
    async handler({ params, principal }) {
      return shown(await getSession(db, principal.orgId, parseId('session', params.session_id)))
    },
  })

  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/preview',
    schema: {
      operationId: 'preview_session',
      summary: 'Show what the next turn of a session would give to a model.',
      response: { 200: Preview, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId } }) {
      const session = await getSession(db, orgId, parseId('session', params.session_id))
      const agent = await getAgent(db, orgId, session.agent_id)
      return previewOf(node, orgId, {
        prompt: agent.system_prompt,
        agentUses: agent.capabilities,
        sessionUses: session.capabilities,
        clientTools: clientToolsOf(agent.tools ?? [], session.tools),
        models: [session.model_id, agent.default_model_id],
      })
    },
  })

  app.route<{ Params: Params; Body: SessionChange }>({
    method: 'PATCH',
    url: '/v1/sessions/:session_id',
    schema: {
      operationId: 'update_session',
      body: SessionChange,
      response: { 200: Session, '4xx': ErrorResponse },
    },
    async handler({ params, principal, body, db }) {
      const id = parseId('session', params.session_id)
      return shown(await updateSession(db, { orgId: principal.orgId, id }, body))
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: '/v1/sessions/:session_id',
    schema: { operationId: 'delete_session', response: { '4xx': ErrorResponse } },
    async handler({ params, principal, db, committed }, reply) {
      const id = parseId('session', params.session_id)
      await deleteSession(db, principal.orgId, id)
      committed.push(() => node.bus.deleted(id))
      return reply.code(204).send()
    },
  })

  app.route<{ Params: Params }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/cancel',
    config: { forToken: 'write', unaudited: true },
    schema: {
      operationId: 'cancel_turn',
      response: { 200: CancelTurnResponse, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db, committed }) {
      const sessionId = parseId('session', params.session_id)
      const cancelled = await cancelSession(node, db, { orgId: principal.orgId, sessionId })
      if (!cancelled) throw new ApiError('not_found', 'Session')
      committed.push(cancelled.settle)
      return cancelled.answer
    },
  })
}
