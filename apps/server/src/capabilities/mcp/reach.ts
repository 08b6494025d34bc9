import { SealedTextError, type Secrets } from '../../secrets.ts'
import { type McpServerReach, mcpHeadersPlace, mcpKeyPlace } from '../../store/mcp-servers.ts'
import type { Reach } from './connection.ts'
import { McpFailure } from './failure.ts'

/** The address of a server and its secrets, opened. Contract: throws McpFailure for those that cannot be. */
export function openSecrets(
  { org_id, id, url, headers, api_key }: McpServerReach,
  secrets: Secrets | undefined,
): Pick<Reach, 'url' | 'headers'> {
  const stored = open(secrets, headers, mcpHeadersPlace(org_id, id))
  const key = open(secrets, api_key, mcpKeyPlace(org_id, id))
  return {
    url,
    headers: {
      ...(stored !== undefined && JSON.parse(stored)),
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
  }
}

function open(secrets: Secrets | undefined, envelope: string | null, place: string) {
  if (envelope === null) return undefined
  if (!secrets) throw unreadable('no master key is configured')
  try {
    return secrets.open(envelope, place)
  } catch (error) {
    if (error instanceof SealedTextError) throw unreadable(error.message)
    throw error
  }
}

const unreadable = (why: string) =>
  new McpFailure(`has a key or headers that cannot be opened: ${why}.`)
