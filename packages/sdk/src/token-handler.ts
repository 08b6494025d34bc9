import type { NewUserToken } from '@outlast/contract'
import type { Outlast } from './client/outlast.ts'
import { isOutlastError } from './http/error.ts'
import type { IssuedToken } from './http/token-source.ts'

/**
 * Operations of a chat, for `operations` of a token. Unlike those that all tokens have, they
 * include sending a message again, renaming and deleting sessions.
 */
export const chatOperations = [
  'list_sessions',
  'create_session',
  'get_session',
  'update_session',
  'delete_session',
  'create_message',
  'list_messages',
  'list_events',
  'stream_sse',
  'retake_message',
  'retry_session',
  'cancel_turn',
  'decide_tool_call',
  'submit_question_answers',
  'submit_tool_results',
]

export type TokenHandlerOptions = {
  /** A client with an API key. */
  outlast: Pick<Outlast, 'tokens'>
  /** Returns the id of the signed-in user of a request. Undefined, null or '': 401. */
  user: (request: Request) => Id | Promise<Id>
  /** Rights and lifetime of the tokens, for all users or by request. Default: `access: 'write'`. */
  grants?: Grants | ((request: Request, user: string) => Grants | Promise<Grants>)
  /** Origins of pages, if they differ from that of the handler: `https://app.example.com`. */
  origins?: readonly string[]
}

type Id = string | null | undefined
type Grants = Omit<NewUserToken, 'user'>

/**
 * Creates a handler for web requests that gives the signed-in user of your product a token for
 * their sessions. `tokenFrom` in the page gets tokens from it. It is a route of Next.js and Hono as
 * it is; `nodeHandler` adapts it to Express and Node.
 * Contract: only POST requests of the own origin get a token, and no cache stores it.
 */
export function createTokenHandler(options: TokenHandlerOptions) {
  return async (request: Request): Promise<Response> => {
    if (request.method !== 'POST') {
      return refuse(405, 'method_not_allowed', 'Send a POST request.', { allow: 'POST' })
    }
    if (!isOwnPage(request, options.origins)) {
      return refuse(403, 'origin_forbidden', 'Pages of other sites get no token.')
    }
    const user = await options.user(request)
    if (!user) return refuse(401, 'unauthorized', 'Sign in first.')
    return issue(options, request, user)
  }
}

async function issue(
  { outlast, grants }: TokenHandlerOptions,
  request: Request,
  user: string,
): Promise<Response> {
  const given = typeof grants === 'function' ? await grants(request, user) : grants
  try {
    const body: NewUserToken = { access: 'write', ...given, user }
    const { token, created_at, expires_at } = await outlast.tokens.create(body)
    const expires_in = (Date.parse(expires_at) - Date.parse(created_at)) / 1000
    return respond(200, { token, expires_in } satisfies IssuedToken)
  } catch (error) {
    if (!isOutlastError(error)) throw error
    // Problems of the server's own key are no business of the page.
    const isBusy = error.status === 429 || error.status === 503
    return refuse(isBusy ? 503 : 502, error.code, 'No token could be created.')
  }
}

/**
 * Tests whether a browser sent the request from a page of the same origin. Requests of other
 * programs have neither header; a page of another site cannot remove them.
 */
function isOwnPage({ headers, url }: Request, origins: readonly string[] = []): boolean {
  const origin = headers.get('origin')
  if (origin !== null && origins.includes(origin)) return true
  const site = headers.get('sec-fetch-site')
  if (site !== null) return site === 'same-origin'
  if (origin === null) return true
  const host = headers.get('x-forwarded-host') ?? headers.get('host') ?? new URL(url).host
  return URL.canParse(origin) && new URL(origin).host === host
}

const refuse = (status: number, code: string, error: string, headers = {}) =>
  respond(status, { code, error }, headers)

const respond = (status: number, body: object, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  })
