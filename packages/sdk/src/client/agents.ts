import type {
  Agent,
  AgentChange,
  AgentQuery,
  AgentStats,
  CheckAgentNameQuery,
  ExportAgentQuery,
  NameAvailability,
  NewAgent,
  PageQuery,
  Preview,
  PreviewAgent,
  ToolRule,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { readText } from '../http/limited.ts'
import { expectType } from '../http/media-type.ts'
import { listOf } from '../http/page.ts'

type Format = NonNullable<ExportAgentQuery['format']>

const formats: Record<Format, string> = {
  markdown: 'text/markdown',
  yaml: 'application/yaml',
  json: 'application/json',
}

export function agents(http: Http) {
  const { call } = http
  return {
    /**
     * Lists active agents, newest first; with `include_archived` archived ones too, with
     * `search` only those whose names or description contain it.
     */
    list: (query?: AgentQuery, options?: CallOptions) =>
      listOf<Agent>(http, '/v1/agents', query, options),
    /**
     * Creates an agent. Replaces the agent with the given `id`, or without one the active agent of
     * the same name, if that consists of lower-case letters, digits and dashes.
     */
    create: (agent: NewAgent, options?: CallOptions) =>
      call<Agent>('POST', '/v1/agents', { body: agent }, options),
    /** Returns the prompt, tools and model of an agent without storing it. */
    preview: (agent: PreviewAgent, options?: CallOptions) =>
      call<Preview>('POST', '/v1/agents/preview', { body: agent, isRead: true }, options),
    /** Returns whether an agent, other than `exclude_id`, can have a name. */
    checkName: (query: CheckAgentNameQuery, options?: CallOptions) =>
      call<NameAvailability>('GET', '/v1/agents/check-name', { query }, options),
    /** Returns an agent by its id, archived or not, or by its slug. `not_found` if unknown. */
    get: (id: string, options?: CallOptions) =>
      call<Agent>('GET', path`/v1/agents/${id}`, {}, options),
    /** Copies an agent, under a name with `-copy` or ` (copy)` at its end. */
    copy: (id: string, options?: CallOptions) =>
      call<Agent>('POST', path`/v1/agents/${id}/copy`, {}, options),
    /** Returns how many sessions an agent has, and the turns, tokens and cost of these. */
    stats: (id: string, options?: CallOptions) =>
      call<AgentStats>('GET', path`/v1/agents/${id}/stats`, {}, options),
    /** Creates an agent with this id or name, or replaces it. */
    put: (id: string, agent: NewAgent, options?: CallOptions) =>
      call<Agent>('PUT', path`/v1/agents/${id}`, { body: agent }, options),
    /** Changes the given properties. Lists are replaced; `status: 'active'` restores. */
    update: (id: string, change: AgentChange, options?: CallOptions) =>
      call<Agent>('PATCH', path`/v1/agents/${id}`, { body: change }, options),
    /** Lists the decisions that hold for all calls of a tool in all sessions of an agent. */
    listToolRules: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<ToolRule>(http, path`/v1/agents/${id}/tool-rules`, query, options),
    /** Removes such a decision. `not_found` if the tool has none. */
    removeToolRule: (id: string, toolName: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/agents/${id}/tool-rules/${toolName}`, {}, options),
    /** Archives an agent. Its sessions continue. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/agents/${id}`, {}, options),
    /** Deletes an archived agent permanently. `agent_in_use` while it has sessions. */
    purge: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/agents/${id}`, { query: { permanent: true } }, options),
    /** Exports an agent as the text of a file, by default Markdown. */
    export: (id: string, query: { format?: Format } = {}, options?: CallOptions) => {
      const accept = formats[query.format ?? 'markdown']
      const read = (answer: Response, again: () => void) =>
        readText(expectType(answer, accept), again)
      const request = { query, accept }
      return http.request('GET', path`/v1/agents/${id}/export`, { request, options, read })
    },
    /** Creates an agent from a file: Markdown with front matter, YAML or JSON. */
    import: (file: string, options?: CallOptions) => {
      const sent = { type: 'text/plain', content: file }
      return call<Agent>('POST', '/v1/agents/import', { text: sent }, options)
    },
  }
}
