/** Pages for front ends in tests: bundles of TypeScript, served from an origin of their own. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page, Request } from 'playwright-core'
import { build } from 'vite'

type Hook = { after: (work: () => unknown) => void }

type BundleOptions = { isSmall?: boolean; mode?: 'development' | 'production' }

/** Bundles a file for browsers. With `isSmall` it is minified as for production, without React. */
export async function bundle(
  file: string,
  root: string,
  { isSmall = false, mode = 'development' }: BundleOptions = {},
): Promise<string> {
  const built = await build({
    root,
    configFile: false,
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': JSON.stringify(mode) },
    build: {
      write: false,
      minify: isSmall,
      lib: { entry: file, formats: [isSmall ? 'iife' : 'es'], name: 'page', fileName: 'page' },
      ...(isSmall && { rolldownOptions: { external: /^react(\/|$)/ } }),
    },
    // Otherwise NODE_ENV of the tests adds file names and line numbers to each element.
    ...(isSmall && { oxc: { jsx: { runtime: 'automatic', development: false } } }),
  })
  const [output] = [built].flat() as { output: { code?: string }[] }[]
  return output!.output[0]!.code!
}

/** Serves a page with a script at a new origin. `routes`: listeners by path. */
export async function startSite(
  t: Hook,
  script: string,
  routes: Record<string, RequestListener> = {},
) {
  const page = `<!doctype html><link rel="icon" href="data:,"><div id="root"></div>
    <script type="module" src="/page.js"></script>`
  const server = createServer((request, response) => {
    const route = routes[request.url!]
    if (route) return route(request, response)
    const isScript = request.url === '/page.js'
    const type = isScript ? 'text/javascript' : 'text/html'
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` })
    response.end(isScript ? script : page)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/**
 * Does work before the next answers of a page reach the server. Resolves when the page can send
 * them; `status` waits for theirs.
 */
export async function answerBefore(page: Page, work: () => Promise<unknown>) {
  await page.route(
    '**/question-answers',
    async (route) => {
      await work()
      await route.continue()
    },
    { times: 1 },
  )
  const isAnswer = (request: Request) =>
    request.method() === 'POST' && request.url().endsWith('/question-answers')
  const answer = page.waitForResponse((response) => isAnswer(response.request()))
  return { status: async () => (await answer).status() }
}
