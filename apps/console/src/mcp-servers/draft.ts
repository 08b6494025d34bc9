import type { McpServer, NewMcpServer } from '@outlast/sdk'

/** `key` identifies a row of the form, since its name can change. */
export type Header = { key: number; name: string; value: string }

/** An MCP server in its form. */
export type McpServerDraft = Pick<McpServer, 'name' | 'url'> & {
  description: string
  /** Write-only. */
  api_key: string
  headers: Header[]
}

export const mcpServerDraft = (stored: McpServer | undefined): McpServerDraft => ({
  name: stored?.name ?? '',
  url: stored?.url ?? '',
  description: stored?.description ?? '',
  api_key: '',
  headers: Object.entries(stored?.headers ?? {}).map(([name, value], key) => ({
    ...{ key, name, value },
  })),
})

export const nextKey = (headers: readonly Header[]) =>
  1 + Math.max(-1, ...headers.map(({ key }) => key))

/** Returns the request body, without an unchanged key and without unnamed headers. */
export function mcpServerBody({
  name,
  url,
  description,
  api_key,
  headers,
}: McpServerDraft): NewMcpServer {
  const named = headers.filter((one) => one.name.trim() !== '')
  return {
    name: name.trim(),
    url: url.trim(),
    description,
    headers: Object.fromEntries(named.map((one) => [one.name.trim(), one.value])),
    ...(api_key !== '' && { api_key }),
  }
}

const originOf = (url: string) => URL.parse(url)?.origin

/** Returns whether a draft has another host. The stored key may not be sent there. */
export const isElsewhere = (stored: McpServer, draft: Pick<McpServerDraft, 'url'>) =>
  originOf(stored.url) !== originOf(draft.url.trim())

export const isOnThisMachine = (url: string) =>
  /^https?:\/\/(localhost|127\.|10\.|192\.168\.|\[::1\])/.test(url)
