/** Agents as the models of OpenAI's API. */
import type { Agent, AgentPage } from '@outlast/contract'
import type { Static } from 'typebox'
import { ApiError } from '../../../errors.ts'
import { agentOf, modelOf } from './params.ts'
import { adapterClient, type Client } from './reading.ts'
import { hidden, type OpenAI } from './routes.ts'

const shown = (agent: Pick<Agent, 'name' | 'created_at'>) => ({
  id: modelOf(agent),
  object: 'model',
  created: Math.floor(Date.parse(agent.created_at) / 1000),
  owned_by: 'outlast',
})

const pageSize = 100

/** Reads agents page by page, the newest first. */
async function* readAgents({ run }: Pick<Client, 'run'>, query = '') {
  for (let offset = 0; ; offset += pageSize) {
    const path = `/v1/agents?limit=${pageSize}&offset=${offset}${query}`
    const { data } = await run<Static<typeof AgentPage>>('GET', path)
    yield* data
    if (data.length < pageSize) return
  }
}

export function agentModelRoutes({ scope, api }: OpenAI): void {
  scope.route({
    method: 'GET',
    url: '/models',
    exposeHeadRoute: false,
    config: { access: 'adapter' },
    schema: hidden('list_openai_models'),
    async handler(request) {
      const byName = new Map<string, ReturnType<typeof shown>>()
      // Of agents with one name, the newest has it.
      for await (const agent of readAgents(adapterClient(api, request))) {
        if (!byName.has(agent.name)) byName.set(agent.name, shown(agent))
      }
      return { object: 'list', data: [...byName.values()] }
    },
  })

  scope.route<{ Params: { model: string } }>({
    method: 'GET',
    url: '/models/:model',
    exposeHeadRoute: false,
    config: { access: 'adapter' },
    schema: hidden('get_openai_model'),
    async handler(request) {
      const client = adapterClient(api, request)
      const named = agentOf(request.params.model)
      if ('agent_id' in named) {
        return shown(await client.run<Agent>('GET', `/v1/agents/${named.agent_id}`))
      }
      const query = `&search=${encodeURIComponent(named.agent_name)}`
      for await (const agent of readAgents(client, query)) {
        if (agent.name === named.agent_name) return shown(agent)
      }
      throw new ApiError('not_found', 'Model')
    },
  })
}
