import { uuidOf } from '../../ids.ts'

const prefix = 'mcp:'
const shape = /^mcp:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Builds the reference of an MCP server: `mcp:` and its id as a dashed UUID. */
export const refOf = (serverId: string) => prefix + uuidOf(serverId)

export const isMcpRef = (ref: string) => ref.startsWith(prefix)

/** The id of the server in a reference; undefined for an invalid one. */
export const serverIdOf = (ref: string) =>
  shape.test(ref) ? `mcp_${ref.slice(prefix.length).replaceAll('-', '')}` : undefined

/** The reference that is meant by an id, or by an id in another spelling. */
export function meantRef(text: string): string | undefined {
  const digits = /^mcp[_:](?:mcp_)?([0-9a-f]{32})$/.exec(text)?.[1]
  return digits && refOf(`mcp_${digits}`)
}
