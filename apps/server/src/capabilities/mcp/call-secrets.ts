import { ApiError } from '../../errors.ts'
import type { ToolContext } from '../capability.ts'
import { type Redact, redacting } from '../secrets/redact.ts'
import {
  allowedRefs,
  headersFrom,
  readSecrets,
  type SecretArgument,
  type SecretHeader,
  secretIn,
} from '../secrets/secret-refs.ts'

/** Where the config of an agent puts secrets of the session, for the tools of a server. */
export type McpSecrets = {
  headers: readonly SecretHeader[]
  arguments: readonly SecretArgument[]
}

/** A call with its secrets. */
export type FilledCall = {
  input: Record<string, unknown>
  headers: Record<string, string>
  /** Removes all secrets that the server may have got in this session. */
  redact: Redact
}

type RemoteCall = { tool: string; url: string; input: Record<string, unknown> }

/**
 * Fills in the secrets of a call that begins now.
 * Contract: throws `secret_missing`, `secret_not_allowed` and `secret_unusable`. No statement
 * without secrets in the config.
 */
export async function fillSecrets(
  { tool, url, input }: RemoteCall,
  { headers, arguments: all }: McpSecrets,
  context: Pick<ToolContext, 'storage'>,
): Promise<FilledCall> {
  const used = allowedRefs(
    input,
    all.filter((one) => one.tool === tool),
  )
  const places = [...headers, ...all]
  const { origin } = new URL(url)
  const elsewhere = [...headers, ...used].find((place) => place.origin !== origin)
  if (elsewhere) throw new ApiError('secret_not_allowed', elsewhere.secret_ref)
  const found = await readSecrets(context, places)
  const filled = used.map(({ argument, secret_ref }) => [argument, secretIn(found, secret_ref)])
  return {
    input: { ...input, ...Object.fromEntries(filled) },
    headers: headersFrom(found, headers),
    redact: redacting([...found.values()]),
  }
}
