/** A request of `node:http` or Express. */
type NodeRequest = {
  method?: string
  url?: string
  /** Express: the path before the middleware removed its prefix. */
  originalUrl?: string
  headers: Record<string, string | string[] | undefined>
}

type NodeResponse = {
  writeHead: (status: number, headers: Record<string, string>) => { end: (text: string) => unknown }
}

export type NodeHandler = (
  request: NodeRequest,
  response: NodeResponse,
  next?: (error: unknown) => void,
) => Promise<void>

/**
 * Adapts a handler of web requests that reads no body, such as that of `createTokenHandler`, to
 * `node:http` and Express. An error is passed to `next`, or answered with 500.
 */
export function nodeHandler(handle: (request: Request) => Promise<Response>): NodeHandler {
  return async (request, response, next) => {
    try {
      const answer = await handle(webRequest(request))
      const text = await answer.text()
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(text)
    } catch (error) {
      if (next) return next(error)
      response.writeHead(500, { 'cache-control': 'no-store' }).end('')
    }
  }
}

function webRequest({ method = 'GET', url = '/', originalUrl, headers }: NodeRequest): Request {
  const given = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || name.startsWith(':') ? [] : [[name, [value].flat().join(', ')]],
  ) as [string, string][]
  const { host = 'localhost' } = headers
  const target = originalUrl ?? url
  // `//other/` is a path of this server. Clients may also send a whole URL.
  const address = target.startsWith('/') ? `http://${host}${target}` : target
  return new Request(address, { method, headers: given })
}
