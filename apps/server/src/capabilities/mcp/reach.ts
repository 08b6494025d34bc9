import { SealedTextError, type Secrets } from '../../secrets.ts'
import {
  type McpServerReach,
  mcpDestination,
  mcpHeadersPlace,
  mcpKeyPlace,
} from '../../store/models/mcp-servers.ts'
import type { Reach } from './connection.ts'
import { McpFailure } from './failure.ts'

/**
 * Decrypts the secrets of a server and returns its connection data. Contract: throws McpFailure.
 */
export function openSecrets(
  { org_id, id, url, headers, api_key }: McpServerReach,
  secrets: Secrets | undefined,
): Pick<Reach, 'url' | 'headers'> {
  const destination = mcpDestination(url)
  const stored = open(secrets, headers, { place: mcpHeadersPlace(org_id, id), destination })
  const key = open(secrets, api_key, { place: mcpKeyPlace(org_id, id), destination })
  return {
    url,
    headers: {
      ...(stored !== undefined && JSON.parse(stored)),
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
  }
}

type Belonging = { place: string; destination: string }

function open(
  secrets: Secrets | undefined,
  envelope: string | null,
  { place, destination }: Belonging,
) {
  if (envelope === null) return undefined
  if (!secrets) throw decryptionFailure('no master key is configured')
  try {
    return secrets.open(envelope, place, destination)
  } catch (error) {
    if (error instanceof SealedTextError) throw decryptionFailure(error.message)
    throw error
  }
}

const decryptionFailure = (why: string) =>
  new McpFailure(`has a key or headers that cannot be decrypted: ${why}.`)
