import { isDeepStrictEqual } from 'node:util'
import type { McpServerChange, NewMcpServer } from '@outlast/contract'
import { McpFailure } from '../../../../capabilities/mcp/failure.ts'
import { openSecrets } from '../../../../capabilities/mcp/reach.ts'
import { ApiError, invalidAt, secretNeeded } from '../../../../errors.ts'
import type { Node } from '../../../../runtime/node.ts'
import { mask, SealedTextError, type Secrets } from '../../../../secrets.ts'
import type { Db } from '../../../../store/database.ts'
import {
  findMcpReach,
  type McpServerReach,
  type McpServerUpdate,
  mcpDestination,
  mcpHeadersPlace,
  mcpKeyPlace,
  type NewMcpServerRow,
} from '../../../../store/models/mcp-servers.ts'
import { withoutNul } from '../../../../text.ts'
import { checkOutboundUrl } from '../../../core/outbound-url.ts'

type McpServerRef = { orgId: string; id: string }
type With = Pick<Node, 'config' | 'secrets'>
type Headers = Record<string, string>

/** A server as it is stored: checked, its headers and key sealed. Contract: throws 400. */
export function rowOf(node: With, place: McpServerRef, server: NewMcpServer): NewMcpServerRow {
  const { api_key, description } = server
  const headers = server.headers ?? {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === mask) throw invalidAt(`headers/${name}`, 'is masked: send the value itself')
  }
  return {
    name: checkedName(server.name),
    url: checkedUrl(node, place, server.url),
    description: description ? withoutNul(description) : null,
    ...sealedHeaders(node, { ...place, url: server.url }, headers),
    api_key: api_key == null ? null : sealedKey(node, { ...place, url: server.url }, api_key),
  }
}

/**
 * A change as it is stored, without an address and credentials that are stored already: they would
 * reset the review of the tools.
 * Contract: throws 404, and 400 if it is invalid or lacks secrets.
 */
export async function changeOf(
  node: With & { db: Db },
  place: McpServerRef,
  change: McpServerChange,
): Promise<{ update: McpServerUpdate; urls?: { before: string; after: string } }> {
  const { name, url, description, headers, api_key, status } = change
  const stored = await findMcpReach(node.db, place.orgId, place.id)
  if (!stored) throw new ApiError('not_found', 'MCP server')
  const at = { ...place, url: url ?? stored.url }
  if (url != null) checkSecretsStay(stored, at.url, change)
  const reach = {
    ...(url != null && { url: checkedUrl(node, place, url) }),
    ...(headers != null && sealedHeaders(node, at, unmaskedHeaders(node, stored, headers))),
    ...(api_key != null && { api_key: sealedKey(node, at, api_key) }),
  }
  const update = {
    ...(name != null && { name: checkedName(name) }),
    ...(description != null && { description: withoutNul(description) }),
    ...(status != null && { status }),
    ...(!isSameReach(node, stored, { ...stored, ...reach }) && reach),
  }
  return { update, ...(url != null && { urls: { before: stored.url, after: at.url } }) }
}

/** False also if the stored secrets cannot be opened. */
function isSameReach({ secrets }: With, before: McpServerReach, after: McpServerReach): boolean {
  const opened = (server: McpServerReach) => [
    openSecrets({ ...server, api_key: null }, secrets),
    openSecrets({ ...server, headers: null }, secrets),
  ]
  try {
    return isDeepStrictEqual(opened(before), opened(after))
  } catch (error) {
    if (error instanceof McpFailure) return false
    throw error
  }
}

/** Key and headers are sent to no other address than the one they were entered for. */
function checkSecretsStay(
  stored: McpServerReach,
  url: string,
  { headers, api_key }: McpServerChange,
): void {
  if (mcpDestination(stored.url) === mcpDestination(url)) return
  const masked = Object.entries(headers ?? {}).filter(([, value]) => value === mask)
  const missing = [
    ...(stored.api_key !== null && api_key == null ? ['api_key'] : []),
    ...(stored.headers !== null && headers == null ? ['headers'] : []),
    ...masked.map(([name]) => `headers/${name}`),
  ]
  if (missing.length > 0) throw secretNeeded(missing)
}

function checkedName(name: string): string {
  if (name.trim() === '') throw invalidAt('name', 'must not be empty')
  if (/\p{Cc}/u.test(name)) throw invalidAt('name', 'must not hold control characters')
  return name
}

const checkedUrl = (node: With, { orgId }: McpServerRef, url: string) =>
  checkOutboundUrl(
    node,
    { orgId, purpose: 'mcp' },
    { url, credentials: ': they belong in api_key or headers' },
  )

const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]{1,256}$/i
const headerValue = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/
const headersLengthMax = 32_768
/** Headers that the transport sets itself, or that proxies interpret. */
const reserved =
  /^(?:host|content-.*|transfer-encoding|connection|keep-alive|proxy-.*|upgrade|te|trailer|expect|accept|accept-encoding|mcp-.*|last-event-id)$/i

function sealedHeaders(
  node: With,
  { orgId, id, url }: McpServerRef & { url: string },
  headers: Headers,
) {
  const names = Object.keys(headers)
  if (names.length === 0) return { header_names: [], headers: null }
  const lower = names.map((name) => name.toLowerCase())
  for (const [at, name] of names.entries()) {
    const path = `headers/${name}`
    if (!headerName.test(name)) throw invalidAt(path, 'is not a name of a header')
    if (reserved.test(name)) throw invalidAt(path, 'is a header that the connection sets itself')
    if (lower.indexOf(lower[at]!) !== at) throw invalidAt(path, 'is named twice')
    if (!headerValue.test(headers[name]!)) {
      throw invalidAt(path, 'must be visible ASCII characters, with spaces only between them')
    }
  }
  const text = JSON.stringify(headers)
  if (text.length > headersLengthMax) {
    throw invalidAt('headers', `must not be longer than ${headersLengthMax} characters together`)
  }
  const envelope = requiredSecrets(node).seal(text, mcpHeadersPlace(orgId, id), mcpDestination(url))
  return { header_names: names, headers: envelope }
}

function sealedKey(
  node: With,
  { orgId, id, url }: McpServerRef & { url: string },
  key: string,
): string {
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw invalidAt('api_key', 'must be visible ASCII characters without spaces')
  }
  return requiredSecrets(node).seal(key, mcpKeyPlace(orgId, id), mcpDestination(url))
}

function requiredSecrets({ secrets }: With): Secrets {
  if (!secrets) throw new ApiError('encryption_not_configured', 'API key')
  return secrets
}

/** Headers with the values that a client was given masked, which stay as they are. */
function unmaskedHeaders(node: With, server: McpServerReach, headers: Headers): Headers {
  if (!Object.values(headers).includes(mask)) return headers
  const stored = storedHeaders(node, server)
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (value !== mask) return [name, value]
      const kept = stored.get(name.toLowerCase())
      if (kept === undefined) throw invalidAt(`headers/${name}`, 'is masked: send the value itself')
      return [name, kept]
    }),
  )
}

function storedHeaders(node: With, { org_id, id, url, headers: envelope }: McpServerReach) {
  if (envelope === null) return new Map<string, string>()
  try {
    const place = mcpHeadersPlace(org_id, id)
    const text = requiredSecrets(node).open(envelope, place, mcpDestination(url))
    const headers = JSON.parse(text) as Headers
    return new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  } catch (error) {
    if (!(error instanceof SealedTextError)) throw error
    throw invalidAt('headers', `cannot stay: what is stored cannot be opened, ${error.message}`)
  }
}
