import {
  type Agent,
  AgUiCapabilities,
  AgUiQuery,
  AgUiThread,
  ErrorResponse,
  RunAgentInput,
} from '@outlast/contract'
import { invalidAt } from '../../../errors.ts'
import { agentIdIn } from '../../adapters/agent-id.ts'
import { innerCalls } from '../../adapters/inner-calls.ts'
import type { Api } from '../../core/api.ts'
import type { Streams } from '../../streams/open-streams.ts'
import { messageBytesMax } from '../messages/messages.ts'
import { openRun } from './open-run.ts'
import { checkId, checkRunIds } from './run-input.ts'
import { lastPlaceOf, sendRunError, streamRun } from './run-stream.ts'
import { findRunToJoin, readThread } from './thread.ts'

const base = '/v1/ag-ui/agents/:agent_id'

type Params = { agent_id: string }

/** AG-UI: runs of an agent for its clients, as a fold of the log. */
export function agUiRoutes(api: Api, streams: Streams): void {
  runRoute(api, streams)
  readRoute(api, streams)
  capabilitiesRoute(api)
}

function runRoute(api: Api, streams: Streams): void {
  api.app.route<{ Params: Params; Body: RunAgentInput }>({
    method: 'POST',
    url: base,
    bodyLimit: messageBytesMax,
    config: { access: 'adapter', allowsNul: true },
    schema: {
      operationId: 'run_ag_ui_agent',
      body: RunAgentInput,
      produces: ['text/event-stream'],
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { body } = request
      const agentId = await agentIdIn(request)
      checkRunIds(body)
      const place = lastPlaceOf(request)
      const calls = innerCalls(api.app, request)
      const opened = await openRun({ node: api.node, request, calls }, agentId, body)
      if ('code' in opened) return sendRunError(reply, opened.code, opened.message)
      return streamRun(api, streams, request, reply, { ...opened, place })
    },
  })
}

function readRoute(api: Api, streams: Streams): void {
  api.app.route<{ Params: Params; Querystring: AgUiQuery }>({
    method: 'GET',
    url: base,
    exposeHeadRoute: false,
    config: { access: 'adapter' },
    schema: {
      operationId: 'read_ag_ui_thread',
      querystring: AgUiQuery,
      produces: ['text/event-stream'],
      response: { 200: AgUiThread, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { query } = request
      const agentId = await agentIdIn(request)
      const calls = innerCalls(api.app, request)
      const { runId, threadId } = query
      if (runId !== undefined) {
        const place = lastPlaceOf(request)
        const opened = await findRunToJoin(request, calls, agentId, runId)
        return streamRun(api, streams, request, reply, { ...opened, place })
      }
      if (threadId === undefined) throw invalidAt('threadId', 'is required, or `runId`')
      checkId('threadId', threadId)
      return readThread(request, calls, agentId, { ...query, threadId })
    },
  })
}

function capabilitiesRoute({ app, version }: Api): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: `${base}/capabilities`,
    config: { access: 'adapter' },
    schema: {
      operationId: 'get_ag_ui_capabilities',
      response: { 200: AgUiCapabilities, '4xx': ErrorResponse },
    },
    async handler(request) {
      const agentId = await agentIdIn(request)
      const { run } = innerCalls(app, request)
      const isToken = request.principal.kind === 'token'
      const agent = isToken ? undefined : await run<Agent>('GET', `/v1/agents/${agentId}`)
      return capabilitiesOf(agent, version)
    },
  })
}

function capabilitiesOf(agent: Agent | undefined, version: string): AgUiCapabilities {
  const items = agent?.tools?.map(({ name, description, parameters }) => ({
    name,
    description,
    ...(parameters && { parameters }),
  }))
  return {
    identity: {
      ...(agent && { name: agent.name }),
      ...(agent?.description && { description: agent.description }),
      type: 'outlast',
      version,
    },
    transport: { streaming: true, resumable: true },
    tools: {
      supported: true,
      clientProvided: agent !== undefined,
      parallelCalls: true,
      ...(items && { items }),
    },
    output: { structuredOutput: true },
    state: { snapshots: false, deltas: false, memory: true, persistentState: false },
    reasoning: { supported: true, streaming: true },
    multimodal: { input: { image: true } },
    execution: {},
    humanInTheLoop: { supported: true, approvals: true, interrupts: true, approveWithEdits: true },
  }
}
