import {
  Agent,
  AgentChange,
  AgentPage,
  AgentQuery,
  type CapabilityUse,
  type ClientTool,
  DeleteAgentQuery,
  ErrorResponse,
  type InitialFile,
  isAgentSlug,
  NewAgent,
  Preview,
  PreviewAgent,
} from '@outlast/contract'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { checkCombination, checkUses } from '../../../capabilities/catalog/catalog.ts'
import {
  checkClientTools,
  checkNarrowerTools,
  clientToolsOf,
} from '../../../capabilities/catalog/client-tools.ts'
import { isMasked, masked, unmasked } from '../../../capabilities/catalog/masking.ts'
import { capabilitiesFor } from '../../../capabilities/mcp.ts'
import { checkOutputSchema } from '../../../capabilities/schemas/output-schema.ts'
import { checkLimits, type GivenLimits } from '../../../capabilities/turns/turn-limits.ts'
import { ApiError, invalidAt } from '../../../errors.ts'
import { newId } from '../../../ids.ts'
import { modelScope } from '../../../providers/keys.ts'
import { fileLimits, type Node } from '../../../runtime/node.ts'
import type { Db } from '../../../store/database.ts'
import { readInitialFiles } from '../../../store/files/initial-files.ts'
import { checkName, claimName, getAgentId } from '../../../store/models/agent-names.ts'
import {
  archiveAgent,
  countAgents,
  createAgent,
  deleteAgent,
  findAgent,
  getAgent,
  listAgents,
  lockAgent,
  type Saved,
  saveAgent,
  updateAgent,
} from '../../../store/models/agents.ts'
import { checkModel } from '../../../store/models/models.ts'
import type { Api } from '../../core/api.ts'
import { checkMatch, tell } from '../../core/if-match.ts'
import { sendList } from '../../core/list.ts'
import { agentPreview } from './preview.ts'

type Params = { agent_id: string }
type Choices = GivenLimits & {
  initial_files?: InitialFile[] | null
  capabilities?: CapabilityUse[] | null
  default_model_id?: string | null
  tools?: ClientTool[] | null
  output_schema?: Record<string, unknown> | null
}

type Where = { db: Db; orgId: string }

/** Refuses capabilities and a model that an agent could not work with. */
export async function checkAgent(
  node: Node,
  { db, orgId }: Where,
  {
    capabilities,
    default_model_id: model,
    tools,
    output_schema,
    initial_files: files,
    ...limits
  }: Choices,
): Promise<void> {
  checkOutputSchema(output_schema)
  checkLimits(limits, node.config.TURN_ITERATIONS_MAX)
  readInitialFiles(files ?? [], fileLimits(node.config))
  const uses = capabilities ?? []
  // Uses the transaction of the request, so that none waits for a second connection.
  const clientTools = checkClientTools(tools)
  const list = await capabilitiesFor({ ...node, db }, orgId, { uses, clientTools })
  checkUses(list, uses)
  checkCombination(list, { agentUses: uses, sessionUses: [], clientTools })
  if (model) await checkModel(db, modelScope(node.config, orgId), model, 'default_model_id')
}

/** Contract: throws 403 `forbidden` when a caller without admin access changes the retention. */
async function checkRetention(
  { db, principal }: Pick<FastifyRequest, 'db' | 'principal'>,
  id: string | null | undefined,
  { retention_days }: Pick<NewAgent, 'retention_days'>,
) {
  if (retention_days === undefined || principal.level === 'admin') return
  const known = id ? await findAgent(db, principal.orgId, id) : undefined
  if (retention_days !== (known?.retention_days ?? null)) throw new ApiError('forbidden', 'admin')
}

/** Checks the storage quota for the body of a request. Contract: throws `quota_exceeded`. */
export const checkRoom = async (
  { quotas }: Node,
  { principal, headers, db }: Pick<FastifyRequest, 'principal' | 'headers' | 'db'>,
) => quotas.checkStorage(db, principal.orgId, Number(headers['content-length'] ?? 0))

/** Adds the id of the active agent with the name of an agent without an id. Reserves the name. */
export async function identified<A extends NewAgent>(db: Db, orgId: string, agent: A): Promise<A> {
  return agent.id ? agent : { ...agent, id: await claimName(db, orgId, agent.name) }
}

/** Creates an agent, or replaces the one whose id is given. */
export async function postAgent(db: Db, orgId: string, agent: NewAgent): Promise<Saved> {
  const { id } = agent
  if (id) return storeAgent(db, orgId, { ...agent, id })
  return { agent: await createAgent(db, orgId, agent), created: true }
}

/** Contract: throws 409 `agent_name_taken`. An agent that shares its name already may keep it. */
async function storeAgent(db: Db, orgId: string, agent: NewAgent & { id: string }): Promise<Saved> {
  const before = await findAgent(db, orgId, agent.id)
  const saved = await saveAgent(db, orgId, agent)
  if (before?.status !== 'active' || before.name !== agent.name) {
    await checkName(db, orgId, saved.agent)
  }
  return saved
}

/** Contract: as `storeAgent`. */
async function changeAgent(db: Db, at: { orgId: string; id: string }, change: AgentChange) {
  const before = await getAgent(db, at.orgId, at.id)
  const agent = await updateAgent(db, at, change)
  const isSame = agent.name === before.name && agent.status === before.status
  if (!isSame && agent.status === 'active') await checkName(db, at.orgId, agent)
  return agent
}

/** The id of the agent to put. A name that no active agent has is the name of a new one. */
async function idToPut(db: Db, orgId: string, idOrName: string, { name }: NewAgent) {
  const isOwnName = idOrName === name && isAgentSlug(name)
  if (!isOwnName) return getAgentId(db, orgId, idOrName)
  return (await claimName(db, orgId, name)) ?? newId('agent')
}

/** Converts an agent to the response of a request, without its secrets. */
export const shownAgent = ({ capabilities }: Node, agent: Agent) => masked(capabilities, agent)

const sendAgent = (node: Node, reply: FastifyReply, agent: Agent) =>
  tell(reply, agent).send(shownAgent(node, agent))

/** With `If-Match`, refuses a change to a version that another request has replaced. */
async function checkVersion(
  request: Pick<FastifyRequest, 'headers' | 'db' | 'principal'>,
  id: string,
) {
  if (request.headers['if-match'] === undefined) return
  checkMatch(request, `Agent ${id}`, await lockAgent(request.db, request.principal.orgId, id))
}

/** Replaces masked secrets by stored ones and checks the result. */
export async function checked<B extends Choices>(
  node: Node,
  where: Where,
  id: string | null | undefined,
  body: B,
): Promise<B> {
  const whole = await withSecrets(node, where, id, body)
  await checkAgent(node, where, whole)
  const schema = checkOutputSchema(whole.output_schema)
  return {
    ...whole,
    ...(whole.tools && { tools: checkClientTools(whole.tools) }),
    ...(schema && { output_schema: schema }),
  }
}

async function withSecrets<B extends Choices>(
  { capabilities }: Node,
  { db, orgId }: Where,
  id: string | null | undefined,
  body: B,
) {
  const uses = body.capabilities
  if (!uses || !isMasked(capabilities, uses)) return body
  const known = id ? await findAgent(db, orgId, id) : undefined
  return { ...body, capabilities: unmasked(capabilities, uses, known?.capabilities ?? []) }
}

/** Checks that changed and unchanged properties can be combined. */
async function checkTogether(
  { capabilities }: Node,
  { db, orgId }: Where,
  id: string,
  change: Choices,
) {
  const agent = await getAgent(db, orgId, id)
  const uses = change.capabilities ?? agent.capabilities
  const clientTools = change.tools ?? agent.tools ?? []
  checkCombination(capabilities, { agentUses: uses, sessionUses: [], clientTools })
}

export function agentRoutes(api: Api): void {
  listRoutes(api)
  previewRoute(api)
  storedRoutes(api)
  agentChangeRoutes(api)
}

function listRoutes({ app, node }: Api): void {
  app.route<{ Querystring: AgentQuery }>({
    method: 'GET',
    url: '/v1/agents',
    schema: {
      operationId: 'list_agents',
      querystring: AgentQuery,
      response: { 200: AgentPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal: { orgId }, db }, reply) {
      const filter = { all: query.include_archived ?? false, search: query.search }
      return sendList(reply, query, {
        async *batches(range) {
          for await (const agents of listAgents(db, orgId, { ...range, ...filter })) {
            yield agents.map((agent) => shownAgent(node, agent))
          }
        },
        count: () => countAgents(db, orgId, filter),
      })
    },
  })

  app.route<{ Body: NewAgent }>({
    method: 'POST',
    url: '/v1/agents',
    schema: {
      operationId: 'create_agent',
      body: NewAgent,
      response: { 200: Agent, 201: Agent, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      await checkRoom(node, request)
      const { db } = request
      const { orgId } = request.principal
      const body = await identified(db, orgId, request.body)
      await checkRetention(request, body.id, body)
      const { agent, created } = await postAgent(
        db,
        orgId,
        await checked(node, { db, orgId }, body.id, body),
      )
      return sendAgent(node, reply.code(created ? 201 : 200), agent)
    },
  })
}

function previewRoute({ app, node }: Api): void {
  app.route<{ Body: PreviewAgent }>({
    method: 'POST',
    url: '/v1/agents/preview',
    config: { access: 'read', unaudited: true },
    schema: {
      operationId: 'preview_agent',
      body: PreviewAgent,
      response: { 200: Preview, '4xx': ErrorResponse },
    },
    async handler({ body, principal: { orgId }, db }) {
      const { session } = body
      await checkAgent(node, { db, orgId }, body)
      const uses = body.capabilities ?? []
      const more = session?.capabilities ?? []
      const tools = checkClientTools(body.tools)
      const sessionTools = checkClientTools(session?.tools, 'session/tools')
      checkNarrowerTools(tools, sessionTools, 'session/tools')
      const clientTools = clientToolsOf(tools, sessionTools)
      const named = { uses: [...uses, ...more], clientTools }
      const list = await capabilitiesFor({ ...node, db }, orgId, named)
      checkUses(list, more, 'session/capabilities')
      checkCombination(list, {
        agentUses: uses,
        sessionUses: more,
        clientTools,
        path: 'session/capabilities',
      })
      const models = modelScope(node.config, orgId)
      if (session?.model_id) await checkModel(db, models, session.model_id, 'session/model_id')
      return agentPreview({ ...node, db }, orgId, {
        prompt: body.system_prompt ?? '',
        agentUses: uses,
        sessionUses: more,
        clientTools,
        models: [session?.model_id, body.default_model_id],
      })
    },
  })
}

function storedRoutes({ app, node }: Api): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/agents/:agent_id',
    schema: {
      operationId: 'get_agent',
      response: { 200: Agent, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }, reply) {
      const { orgId } = principal
      const id = await getAgentId(db, orgId, params.agent_id)
      return sendAgent(node, reply, await getAgent(db, orgId, id))
    },
  })

  app.route<{ Params: Params; Body: NewAgent }>({
    method: 'PUT',
    url: '/v1/agents/:agent_id',
    config: { ifMatch: true },
    schema: {
      operationId: 'put_agent',
      body: NewAgent,
      response: { 200: Agent, 201: Agent, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      await checkRoom(node, request)
      const { params, principal, body, db } = request
      const { orgId } = principal
      const id = await idToPut(db, orgId, params.agent_id, body)
      if (body.id && body.id !== id) throw invalidAt('id', 'is not the id of the path')
      await checkRetention(request, id, body)
      const whole = await checked(node, { db, orgId }, id, body)
      await checkVersion(request, id)
      const { agent, created } = await storeAgent(db, orgId, { ...whole, id })
      return sendAgent(node, reply.code(created ? 201 : 200), agent)
    },
  })
}

function agentChangeRoutes({ app, node }: Api): void {
  app.route<{ Params: Params; Body: AgentChange }>({
    method: 'PATCH',
    url: '/v1/agents/:agent_id',
    config: { ifMatch: true },
    schema: {
      operationId: 'update_agent',
      body: AgentChange,
      response: { 200: Agent, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      await checkRoom(node, request)
      const { params, principal, body, db } = request
      const { orgId } = principal
      const id = await getAgentId(db, orgId, params.agent_id)
      await checkRetention(request, id, body)
      const change = await checked(node, { db, orgId }, id, body)
      if (change.tools || change.capabilities) await checkTogether(node, { db, orgId }, id, change)
      await checkVersion(request, id)
      return sendAgent(node, reply, await changeAgent(db, { orgId, id }, change))
    },
  })

  app.route<{ Params: Params; Querystring: DeleteAgentQuery }>({
    method: 'DELETE',
    url: '/v1/agents/:agent_id',
    schema: {
      operationId: 'delete_agent',
      querystring: DeleteAgentQuery,
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { params, query, principal, db } = request
      const id = await getAgentId(db, principal.orgId, params.agent_id)
      request.auditNote = { target: id, ...(query.permanent && { details: { permanent: true } }) }
      if (query.permanent) {
        await deleteAgent(db, principal.orgId, id)
      } else await archiveAgent(db, principal.orgId, id)
      return reply.code(204).send()
    },
  })
}
