import { isDeepStrictEqual } from 'node:util'
import { errorTextOf, statusOf } from '../../providers/failure.ts'
import type { ModelCallOptions, Prompt, RequestForm } from '../../providers/provider.ts'
import type { Turn } from '../journal/attempt.ts'
import { ModelCallError } from './call.ts'
import { hasAddress, hasImage } from './images/images.ts'
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
    const isSame = refused && isDeepStrictEqual(options, refused.options)
    try {
      if (isSame) throw refused!.error
      return await send(request)
    } catch (error) {
      const form = formAfter(error, options.prompt, turn.forms)
      if (!form) throw error
      turn.forms.add(form)
      refused = { options, error }
    }
  }
}

/** Forms after a refusal that may be about an image, with the messages that they change. */
const imageForms = [
  ['fetched_images', hasAddress],
  ['newest_images', hasImage],
  ['no_images', hasImage],
] as const

/** The form to try after an error; undefined if there is no other. */
function formAfter(
  error: unknown,
  prompt: Prompt,
  tried: ReadonlySet<RequestForm>,
): RequestForm | undefined {
  if (!(error instanceof ModelCallError)) return undefined
  const { cause, failure, partial } = error
  if (partial.parts.length > 0 || partial.unfinished.size > 0) return undefined
  const text = errorTextOf(cause)
  const [form] = refusals.find(([, refusal]) => refusal.test(text)) ?? []
  if (form) return tried.has(form) ? undefined : form
  // An address that has expired, a file that the vendor cannot decode, or forbidden content.
  const isPolicy = failure.kind === 'refused' && statusOf(cause) === 400
  if (!isPolicy && (failure.kind !== 'unknown' || failure.passing)) return undefined
  return imageForms.find(([next, applies]) => !tried.has(next) && prompt.some(applies))?.[0]
}
