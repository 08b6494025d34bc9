/** Vite's server also sends tokens; in production a route of your server does. */
import { createOutlast } from '@outlast/sdk'
import { createTokenHandler, nodeHandler } from '@outlast/sdk/server'
import { defineConfig, type Plugin } from 'vite'

const { OUTLAST_URL: url, OUTLAST_API_KEY: apiKey, OUTLAST_AGENT_ID: agentId } = process.env
const outlast = createOutlast({ url, apiKey })
// Replace the user by that of your sign-in.
const tokens = createTokenHandler({ outlast, user: () => 'ada', grants: { access: 'approve' } })

const outlastRoutes: Plugin = {
  name: 'outlast-routes',
  configureServer({ middlewares }) {
    middlewares.use('/api/outlast-token', nodeHandler(tokens))
    middlewares.use('/settings.json', (_, response) => {
      response.end(JSON.stringify({ url: outlast.url, agentId }))
    })
  },
}

export default defineConfig({ plugins: [outlastRoutes] })
