/** Serves the page, the client, and tokens for the user who is signed in. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createOutlast } from '@outlast/sdk'
import { createTokenHandler, nodeHandler } from '@outlast/sdk/server'

const { OUTLAST_URL: url, OUTLAST_API_KEY: apiKey, OUTLAST_AGENT_ID: agentId, PORT } = process.env
const outlast = createOutlast({ url, apiKey })
// Replace the user by that of your sign-in.
const tokens = nodeHandler(createTokenHandler({ outlast, user: () => 'ada' }))
const files: Record<string, [type: string, text: string | Buffer]> = {
  '/': ['text/html', readFileSync(new URL('index.html', import.meta.url))],
  '/outlast.js': [
    'text/javascript',
    readFileSync(new URL(import.meta.resolve('@outlast/sdk/outlast.global.js'))),
  ],
  '/settings.json': ['application/json', JSON.stringify({ url: outlast.url, agentId })],
}

createServer((request, response) => {
  if (request.url === '/api/outlast-token') return tokens(request, response)
  const [type, text] = files[request.url!] ?? []
  response.writeHead(text ? 200 : 404, { 'content-type': type ?? 'text/plain' }).end(text)
}).listen(Number(PORT ?? 3000), '127.0.0.1')
