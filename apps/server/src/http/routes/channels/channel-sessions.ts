import {
  AgentCard,
  AgentSession,
  AgentSessionPage,
  AgentSessionQuery,
  CancelTurnResponse,
  type ChannelAuthMethod,
  ErrorResponse,
  type EventDataOf,
  NewAgentSession,
  RuntimeToken,
} from '@outlast/contract'
import { runtimeTokenSeconds } from '../../../access/agent-keys.ts'
import { issuerOf } from '../../../access/identity/signed-tokens.ts'
import { ApiError, invalidAt } from '../../../errors.ts'
import { cancelSession } from '../../../runtime/inbox/cancel.ts'
import { openSession } from '../../../runtime/inbox/create-session.ts'
import type { Db } from '../../../store/database.ts'
import { getAgent } from '../../../store/models/agents.ts'
import {
  getOwnedSession,
  type ListPlace,
  listOwnedSessions,
  type OwnedSession,
  readRequests,
} from '../../../store/sessions/channel-sessions.ts'
import type { Api } from '../../core/api.ts'
import { type ChannelViewer, pendingApproval } from '../../security/channel-view.ts'
import {
  base,
  callerOwner,
  checkSpending,
  ownSession,
  pathOf,
  type SessionParams,
  viewerIn,
} from './caller.ts'

const pageDefault = 50

/** The agent of a channel and the sessions of the caller. */
export function channelSessionRoutes(api: Api): void {
  cardRoute(api)
  tokenRoute(api)
  collectionRoutes(api)
  itemRoutes(api)
}

function cardRoute({ app, node }: Api): void {
  app.route({
    method: 'GET',
    url: base,
    config: { access: 'channel' },
    schema: {
      operationId: 'get_agent_card',
      response: { 200: AgentCard, '4xx': ErrorResponse },
    },
    async handler(request): Promise<AgentCard> {
      const { orgId, agentId, settings } = request.principal.channel!.channel
      const { name, description } = await getAgent(request.db, orgId, agentId)
      const auth: AgentCard['auth'] = [{ type: 'agent_key' }]
      if (node.access.tokens) auth.push({ type: 'runtime_token' })
      auth.push(...settings.auth_methods.map(credentialKind))
      return {
        name,
        ...(description !== undefined && { description }),
        streaming: true,
        input: { text: true, images: false, files: false },
        auth,
        links: { sessions: `${pathOf(request)}/sessions` },
      }
    },
  })
}

/** A credential of an identity provider, as the card of an agent names it. */
function credentialKind(method: ChannelAuthMethod): AgentCard['auth'][number] {
  const issuer = issuerOf(method)
  return issuer === undefined ? { type: 'o_auth2' } : { type: 'oidc', issuer }
}

function tokenRoute({ app, node }: Api): void {
  app.route({
    method: 'POST',
    url: `${base}/runtime-auth`,
    config: { access: 'channel', answersSecret: true, unaudited: true },
    schema: {
      operationId: 'create_runtime_token',
      response: { 200: RuntimeToken, '4xx': ErrorResponse },
    },
    async handler({ principal }): Promise<RuntimeToken> {
      const { channel, keyId, tokenUser } = principal.channel!
      if (tokenUser !== undefined) throw new ApiError('invalid_token')
      const { tokens } = node.access
      if (!tokens) throw new ApiError('encryption_not_configured', 'tokens')
      if (!principal.endUser) throw new ApiError('end_user_required')
      const { user } = principal.endUser
      const claims = { sub: keyId, org: channel.orgId, channel: channel.id, user }
      const access_token = await tokens.sign('runtime', claims, runtimeTokenSeconds)
      return { access_token, token_type: 'Bearer', expires_in: runtimeTokenSeconds }
    },
  })
}

function collectionRoutes({ app, node }: Api): void {
  app.route<{ Body: NewAgentSession }>({
    method: 'POST',
    url: `${base}/sessions`,
    config: { access: 'channel', unaudited: true, bodyOptional: true },
    schema: {
      operationId: 'create_agent_session',
      body: NewAgentSession,
      response: { 201: AgentSession, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { body, db, committed } = request
      await checkSpending(request)
      const owner = callerOwner(request)
      const { orgId, channelId, keyId, user } = owner
      const { agentId: agent_id } = request.principal.channel!.channel
      const { session } = await openSession(node, db, {
        orgId,
        wanted: { agent_id, user, title: body.title ?? null },
        channel: { id: channelId, keyId },
      })
      committed.push(() => node.bus.changed(orgId, { noun: 'session', id: session.id }))
      reply.header('location', `${pathOf(request)}/sessions/${session.id}`)
      const made = await getOwnedSession(db, owner, session.id)
      return reply.code(201).send(agentSession(made))
    },
  })

  app.route<{ Querystring: AgentSessionQuery }>({
    method: 'GET',
    url: `${base}/sessions`,
    config: { access: 'channel' },
    schema: {
      operationId: 'list_agent_sessions',
      querystring: AgentSessionQuery,
      response: { 200: AgentSessionPage, '4xx': ErrorResponse },
    },
    async handler(request): Promise<AgentSessionPage> {
      const { limit = pageDefault, page_token } = request.query
      const place = placeOf(page_token)
      const more = { place, limit: limit + 1 }
      const rows = await listOwnedSessions(request.db, callerOwner(request), more)
      const shown = rows.slice(0, limit)
      const last = shown.at(-1)
      return {
        data: shown.map(agentSession),
        ...(last && rows.length > limit && { next_page_token: tokenOf(last) }),
      }
    },
  })
}

const tokenOf = ({ updated_at, id }: ListPlace) =>
  Buffer.from(`${updated_at} ${id}`).toString('base64url')

const placePattern =
  /^((?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z) (session_[0-9a-f]{32})$/

/** Contract: throws 400 for a text that no page has returned. */
function placeOf(token: string | undefined): ListPlace | undefined {
  if (token === undefined) return undefined
  const [, updated_at = '', id = ''] =
    placePattern.exec(Buffer.from(token, 'base64url').toString()) ?? []
  const time = new Date(updated_at)
  // PostgreSQL refuses days that Date accepts, such as February 31.
  if (Number.isNaN(time.getTime()) || !time.toISOString().startsWith(updated_at.slice(0, 19))) {
    throw invalidAt('page_token', 'must be the next_page_token of a page')
  }
  return { updated_at, id }
}

function agentSession({ id, title, status, last_turn, created_at, updated_at }: OwnedSession) {
  return {
    id,
    ...(title !== null && { title }),
    status,
    ...(last_turn && { last_turn_status: last_turn.status }),
    created_at,
    updated_at,
  } satisfies AgentSession
}

function itemRoutes({ app, node }: Api): void {
  app.route<{ Params: SessionParams }>({
    method: 'GET',
    url: `${base}/sessions/:session_id`,
    config: { access: 'channel' },
    schema: {
      operationId: 'get_agent_session',
      response: { 200: AgentSession, '4xx': ErrorResponse },
    },
    async handler(request): Promise<AgentSession> {
      const session = await ownSession(request, request.params)
      const pending = await pendingOf(request.db, session, viewerIn(request))
      return { ...agentSession(session), ...pending }
    },
  })

  app.route<{ Params: SessionParams }>({
    method: 'POST',
    url: `${base}/sessions/:session_id/cancel`,
    config: { access: 'channel', unaudited: true, whenFull: true },
    schema: {
      operationId: 'cancel_agent_session',
      response: { 200: CancelTurnResponse, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { db, principal, committed, params } = request
      const { id: sessionId } = await ownSession(request, params)
      const cancelled = await cancelSession(node, db, { orgId: principal.orgId, sessionId })
      if (!cancelled) throw new ApiError('not_found', 'Session')
      committed.push(cancelled.settle)
      return cancelled.answer
    },
  })
}

type Pending = Pick<AgentSession, 'pending_questions' | 'pending_approvals'>

/** What a session asks of people. Nothing is read unless it waits. */
async function pendingOf(db: Db, session: OwnedSession, viewer: ChannelViewer): Promise<Pending> {
  const calls = session.waiting_for?.calls ?? []
  const open = (wanted: string) => calls.filter(({ type }) => type === wanted)
  const [approvals, inputs] = [open('approval'), open('input')]
  if (approvals.length + inputs.length === 0) return {}
  const requests = await readRequests(db, session)
  const asked = requests.map(({ data }) => JSON.parse(data) as Partial<Asked>)
  const pending_approvals = approvals.map(({ tool_call_id: id, tool_name: name, expires_at }) => {
    const call = asked.find((one) => one.tool_call?.id === id)?.tool_call
    return pendingApproval(call ?? { id, name, arguments: {} }, expires_at, viewer)
  })
  const pending_questions = inputs.flatMap(({ tool_call_id, expires_at }) => {
    const found = asked.find((one) => one.input && one.tool_calls?.[0]?.id === tool_call_id)
    return found ? [{ tool_call_id, questions: found.input!.questions, expires_at }] : []
  })
  return {
    ...(pending_questions.length > 0 && { pending_questions }),
    ...(pending_approvals.length > 0 && { pending_approvals }),
  }
}

type Asked = EventDataOf<'tool.approval_requested'> & EventDataOf<'tool.call_requested'>
