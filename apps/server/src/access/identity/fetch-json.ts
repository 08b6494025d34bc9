import { isJsonObject, type JsonObject } from '../../json.ts'

/** How long an identity provider may take, body included. */
export const providerTimeoutMs = 5_000
const bytesMax = 256 * 1024

type FetchOptions = { timeoutMs?: number } & Pick<RequestInit, 'method' | 'headers' | 'body'>

/**
 * Reads a JSON object from an identity provider.
 * Contract: throws for a redirect, a status other than 200, a body over 256 KiB, and after
 * `timeoutMs`.
 */
export async function fetchJson(
  fetching: typeof fetch,
  url: string,
  { timeoutMs = providerTimeoutMs, ...init }: FetchOptions = {},
): Promise<JsonObject> {
  const signal = AbortSignal.timeout(timeoutMs)
  const headers = { accept: 'application/json', ...init.headers }
  const response = await fetching(url, { ...init, headers, redirect: 'error', signal })
  if (response.status !== 200) {
    await response.body?.cancel().catch(() => {})
    throw new Error(`status ${response.status}`)
  }
  const value: unknown = JSON.parse(await readText(response))
  if (!isJsonObject(value)) throw new Error('the response is not a JSON object')
  return value
}

async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new Error(`the response has more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
