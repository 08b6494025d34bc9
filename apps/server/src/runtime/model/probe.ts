import type { ProviderTestResult } from '@outlast/contract'
import { connectionOf, requireKey } from '../../providers/connection.ts'
import { failureOf, KnownFailure, statusOf } from '../../providers/failure.ts'
import { languageModel } from '../../providers/index.ts'
import type { ModelRoute } from '../../store/models/models.ts'
import type { Node } from '../node.ts'
import { callModel, ModelCallError, modelFailureSentence } from './call.ts'

/** Time limit of the first delta, in ms. */
const trialMs = 20_000

/**
 * Makes one small streaming call to a model and closes it at the first delta. `key`: replaces the
 * stored one.
 * Contract: the result has the error, in the vendor's words where available; for callers that may
 * change the provider.
 */
export async function tryModel(
  node: Node,
  orgId: string,
  route: ModelRoute,
  key?: string,
): Promise<ProviderTestResult> {
  const about = { model_id: route.id, model: route.model_id }
  const begun = performance.now()
  try {
    await ask(node, orgId, key === undefined ? route : { ...route, api_key: null }, key)
    return { ok: true, ...about, latency_ms: Math.round(performance.now() - begun) }
  } catch (error) {
    return { ok: false, ...about, ...probeFailure(error) }
  }
}

async function ask(node: Node, orgId: string, route: ModelRoute, key?: string): Promise<void> {
  const { provider_id: id, provider_type: type, base_url: baseUrl, api_key: sealed } = route
  const stored = await connectionOf(node, { orgId, id, type, baseUrl, sealed })
  const connection = { ...stored, ...(key !== undefined && { apiKey: key }) }
  requireKey(type, connection)
  const limitMs = Math.min(trialMs, node.config.MODEL_TIMEOUT_MS)
  const ending = new AbortController()
  let hasSpoken = false
  try {
    // Without a token limit: some models refuse one, others use it up for thinking. Closing the
    // stream is the limit.
    await callModel(await languageModel(type, connection, route.model_id), {
      options: { prompt: [{ role: 'user', content: [{ type: 'text', text: 'Say OK.' }] }] },
      signal: ending.signal,
      secret: connection.apiKey,
      silenceMs: limitMs,
      timeoutMs: limitMs,
      onText() {
        hasSpoken = true
        ending.abort()
      },
    })
  } catch (error) {
    if (!hasSpoken) throw error
  }
}

function probeFailure(error: unknown): Pick<ProviderTestResult, 'kind' | 'message' | 'status'> {
  const isOurs = !(error instanceof ModelCallError)
  const cause = isOurs ? error : error.cause
  const { kind, sentence } = isOurs ? failureOf(error) : error.failure
  const said = isOurs ? modelFailureSentence(error) : error.message
  const status = statusOf(cause)
  const message = cause instanceof KnownFailure ? said : `${sentence} In detail: ${said}`
  return { kind, message, ...(status !== undefined && { status }) }
}
