import type {
  Agent,
  AgentChange,
  AgentQuery,
  ExportAgentQuery,
  NewAgent,
  Preview,
  PreviewAgent,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

type Format = NonNullable<ExportAgentQuery['format']>

const formats: Record<Format, string> = {
  markdown: 'text/markdown',
  yaml: 'application/yaml',
  json: 'application/json',
}

export function agents(http: Http) {
  const { call, text } = http
  return {
    /** Those that are not archived, or all with `include_archived`, the newest first. */
    list: (query?: AgentQuery, options?: CallOptions) =>
      listOf<Agent>(http, '/v1/agents', query, options),
    /** Makes an agent; one of this `id` that exists is changed. */
    create: (agent: NewAgent, options?: CallOptions) =>
      call<Agent>('POST', '/v1/agents', { body: agent }, options),
    /** The prompt, tools and model that an agent would have, without making it. */
    preview: (agent: PreviewAgent, options?: CallOptions) =>
      call<Preview>('POST', '/v1/agents/preview', { body: agent, isRead: true }, options),
    /** `not_found` if there is none of this id. */
    get: (id: string, options?: CallOptions) =>
      call<Agent>('GET', path`/v1/agents/${id}`, {}, options),
    /** Makes an agent of this id, or replaces it. */
    put: (id: string, agent: NewAgent, options?: CallOptions) =>
      call<Agent>('PUT', path`/v1/agents/${id}`, { body: agent }, options),
    /** Changes the given fields; lists are replaced whole. `status: 'active'` restores. */
    update: (id: string, change: AgentChange, options?: CallOptions) =>
      call<Agent>('PATCH', path`/v1/agents/${id}`, { body: change }, options),
    /** Archives an agent: its sessions stay. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/agents/${id}`, {}, options),
    /** Deletes an archived agent for good. `agent_in_use` while it has sessions. */
    purge: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/agents/${id}`, { query: { permanent: true } }, options),
    /** An agent as a file. */
    export: (id: string, query: { format?: Format } = {}, options?: CallOptions) => {
      const accept = formats[query.format ?? 'markdown']
      return text('GET', path`/v1/agents/${id}/export`, { query, accept }, options)
    },
    /** Makes an agent of a file: Markdown with front matter, YAML or JSON. */
    import: (file: string, options?: CallOptions) => {
      const sent = { type: 'text/plain', content: file }
      return call<Agent>('POST', '/v1/agents/import', { text: sent }, options)
    },
  }
}
