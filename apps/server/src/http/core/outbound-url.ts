import { invalidAt } from '../../errors.ts'
import { isRefused, type OutboundCaller, refusalAdvice } from '../../outbound/outbound.ts'
import type { Node } from '../../runtime/node.ts'

type OutboundUrl = { url: string; credentials?: string; path?: string }

/**
 * Checks the `url` of a body, which the server will call. Returns it unchanged.
 * Contract: throws 400 at `path`. `credentials` says where they belong instead.
 */
export function checkOutboundUrl(
  { config }: Pick<Node, 'config'>,
  caller: OutboundCaller,
  { url: text, credentials = '', path = 'url' }: OutboundUrl,
): string {
  const url = /^https?:\/\/[^\s\\]+$/i.test(text) && URL.canParse(text) ? new URL(text) : undefined
  if (!url) throw invalidAt(path, 'must be a URL that begins with http:// or https://')
  if (url.username !== '' || url.password !== '') {
    throw invalidAt(path, `must not contain credentials${credentials}`)
  }
  if (text.includes('#')) throw invalidAt(path, 'must not have a fragment')
  if (isRefused(config.PRIVATE_HOSTS_ALLOWED, caller, url)) {
    throw invalidAt(path, refusalAdvice(caller, url))
  }
  return text
}
