import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export type Page = (request: IncomingMessage, response: ServerResponse) => unknown

/** Starts a site on loopback: 404 without an entry for the path. It records requests. */
export async function startSite(
  t: Pick<TestContext, 'after'>,
  pages: Record<string, Page>,
  host = '127.0.0.1',
) {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    const { pathname } = new URL(request.url!, 'http://site')
    const page = pages[pathname] ?? ((_, answer) => answer.writeHead(404).end('Nothing is here.'))
    page(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://${host}:${(server.address() as AddressInfo).port}`, asked }
}

/** A page that does not depend on the request. */
export const page =
  (body: string | Buffer, headers: Record<string, string> = {}, status = 200): Page =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'text/html', ...headers }).end(body)

export const redirect =
  (location: string, status = 302): Page =>
  (_, response) =>
    response.writeHead(status, { location }).end()
