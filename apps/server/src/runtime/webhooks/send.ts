import { failureReason } from '../../capabilities/web-fetch/request.ts'
import { databaseNow } from '../../ids.ts'
import { SealedTextError } from '../../secrets.ts'
import { type WebhookReceiver, webhookSecretPlace } from '../../store/webhooks/webhooks.ts'
import type { Node } from '../node.ts'
import { type SigningSecrets, signedRequest, type WebhookMessage } from './message.ts'

/** Longest time from the connection to the end of the response. */
const answerMsMax = 10_000
/** A response is read up to this size, so that its connection can be used again. */
const answerBytesMax = 65_536
const retryAfterMsMax = 24 * 3_600_000

export type SentWebhook = {
  ok: boolean
  /** Null without a response. */
  status: number | null
  durationMs: number
  /** Why it failed; null for a success. */
  error: string | null
  /** The receiver asked for this pause. */
  pauseMs: number
}

type Sending = Pick<Node, 'outbound' | 'secrets'>

/**
 * Sends signed requests to one receiver at once.
 * Contract: never throws. Reaches only public addresses and entries of PRIVATE_HOSTS_ALLOWED for
 * `webhook`; follows no redirect.
 */
export async function sendWebhooks(
  node: Sending,
  receiver: WebhookReceiver,
  messages: readonly WebhookMessage[],
  stopped?: AbortSignal,
): Promise<SentWebhook[]> {
  // One timer and one decryption for all: both cost more than a request.
  const limit = AbortSignal.timeout(answerMsMax)
  const signal = stopped ? AbortSignal.any([limit, stopped]) : limit
  const fetch = node.outbound.reach({ orgId: receiver.org_id, purpose: 'webhook' })
  let secrets: SigningSecrets
  try {
    secrets = openSigningSecrets(node, receiver)
  } catch (error) {
    if (!(error instanceof SealedTextError)) throw error
    return messages.map(() => failed(`The secret cannot be opened: ${error.message}.`))
  }
  return Promise.all(
    messages.map(async (message) => {
      const begun = performance.now()
      const isForTasks = receiver.for_tasks
      const request = signedRequest(message, { isForTasks, secrets, sentAt: databaseNow() })
      const sent = await fetch(receiver.url, {
        ...request,
        method: 'POST',
        redirect: 'manual',
        signal,
      }).then(judge, (error) => failed(deliveryProblem(error, limit)))
      return { ...sent, durationMs: Math.round(performance.now() - begun) }
    }),
  )
}

const failed = (error: string): SentWebhook => ({
  ok: false,
  status: null,
  durationMs: 0,
  error,
  pauseMs: 0,
})

const deliveryProblem = (error: unknown, limit: AbortSignal) =>
  limit.aborted
    ? `The receiver did not answer in ${answerMsMax / 1000} s.`
    : `The receiver ${failureReason(error)}.`

function openSigningSecrets({ secrets }: Sending, receiver: WebhookReceiver): SigningSecrets {
  const { org_id, id, for_tasks } = receiver
  const sealed = [receiver.secret, receiver.previous_secret].filter((one) => one !== null)
  if (sealed.length > 0 && !secrets) throw new SealedTextError('no master key is configured')
  const opened = sealed.map((one) => secrets!.open(one, webhookSecretPlace(org_id, id)))
  return for_tasks ? { standard: [], task: opened[0] } : { standard: opened, task: undefined }
}

/** Reads a response. A status is an answer also if its body is too large or does not end. */
async function discard({ body }: Response): Promise<void> {
  if (!body) return
  let bytes = 0
  const chunks = body as unknown as AsyncIterable<Uint8Array>
  try {
    for await (const chunk of chunks) {
      bytes += chunk.byteLength
      if (bytes > answerBytesMax) break
    }
  } catch {
    // The connection is closed with its body.
  }
}

async function judge(response: Response): Promise<SentWebhook> {
  await discard(response)
  const { status, ok, headers } = response
  if (ok) return { ok, status, durationMs: 0, error: null, pauseMs: 0 }
  const isRedirect = status >= 300 && status < 400
  const error = isRedirect
    ? `The receiver redirects (HTTP ${status}), which is not followed.`
    : `The receiver answered HTTP ${status}.`
  return { ...failed(error), status, pauseMs: pauseOf(status, headers.get('retry-after')) }
}

/** The pause that a receiver asks for, in seconds or as a date. */
function pauseOf(status: number, retryAfter: string | null): number {
  if ((status !== 429 && status !== 503) || retryAfter === null) return 0
  const ms = /^\d+$/.test(retryAfter)
    ? Number(retryAfter) * 1000
    : Date.parse(retryAfter) - databaseNow()
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), retryAfterMsMax)
}
