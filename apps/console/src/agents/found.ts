import type { Agent, CapabilityInfo } from '@outlast/sdk'

const has = (text: string | undefined | null, search: string) =>
  text?.toLowerCase().includes(search) ?? false

/** `search` is in lower case. */
export const isAgentFound = ({ name, description, id, tags }: Agent, search: string) =>
  has(name, search) ||
  has(description, search) ||
  id === search ||
  tags.some((tag) => has(tag, search))

/** `search` is in lower case. */
export const isCapabilityFound = (
  { id, name, description, tool_definitions }: CapabilityInfo,
  search: string,
) =>
  has(id, search) ||
  has(name, search) ||
  has(description, search) ||
  tool_definitions?.some((tool) => has(tool.name, search))
