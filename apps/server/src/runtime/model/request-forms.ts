import { isDeepStrictEqual } from 'node:util'
import { errorTextOf } from '../../providers/failure.ts'
import type { ModelCallOptions, Prompt, RequestForm } from '../../providers/provider.ts'
import type { Turn } from '../journal/attempt.ts'
import { ModelCallError } from './call.ts'
import { hasAddress } from './images.ts'
import type { ModelReply } from './reply.ts'

/** Refusals of vendors, with the form of a request that each requires. The first match applies. */
const refusals: [RequestForm, RegExp][] = [
  ['dropped_thinking', /bound to a different conversation/i],
  ['returned_thinking', /reasoning_content/i],
  ['completion_tokens', /max_completion_tokens.{0,3} instead/i],
  ['alternating_roles', /(must|should) alternate|after role/i],
]

/**
 * Sends a request, and again in another form for each refusal of its form. Later calls of the model
 * in this attempt at the turn use the form too.
 * Contract: throws the error of a request that no other form changes.
 */
export async function sendInForm<Request extends { options: ModelCallOptions }>(
  turn: Turn,
  build: () => Request | Promise<Request>,
  send: (request: Request) => Promise<ModelReply>,
): Promise<ModelReply> {
  let refused: { options: ModelCallOptions; error: unknown } | undefined
  for (;;) {
    const request = await build()
    const { options } = request
    // The provider lacks the form, or the request has nothing to write in it.
    if (refused && isDeepStrictEqual(options, refused.options)) throw refused.error
    try {
      return await send(request)
    } catch (error) {
      const form = error instanceof ModelCallError && formAfter(error, options.prompt)
      if (!form || turn.forms.has(form)) throw error
      turn.forms.add(form)
      refused = { options, error }
    }
  }
}

/** Any refusal without a known cause may be about an image whose address has expired. */
function formAfter({ cause, failure, partial }: ModelCallError, prompt: Prompt) {
  if (partial.parts.length > 0 || partial.unfinished.size > 0) return undefined
  const text = errorTextOf(cause)
  const [form] = refusals.find(([, refusal]) => refusal.test(text)) ?? []
  if (form) return form
  const isUnknown = failure.kind === 'unknown' && !failure.passing
  return isUnknown && prompt.some(hasAddress) ? 'fetched_images' : undefined
}
