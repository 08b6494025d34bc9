import { HttpAgent } from '@ag-ui/client'
import { CopilotRuntime, createCopilotRuntimeHandler } from '@copilotkit/runtime/v2'
import { createOutlast, tokenFrom } from '@outlast/sdk'
import { outlastRunner } from '../../../../outlast-runner'

const { OUTLAST_URL, OUTLAST_API_KEY: apiKey, OUTLAST_AGENT_ID: agentId = '' } = process.env
const outlast = createOutlast({ url: OUTLAST_URL, apiKey })
const url = `${outlast.url}/v1/ag-ui/agents/${agentId}`
const expires_in = 3600

/** Replace this by the sign-in of your product. */
const signedInUser = async (_request: Request) => 'ada'

/** Handles the requests of a user, with a token that reaches only the threads of that user. */
function handlerOf(user: string) {
  const tokenOf = tokenFrom(async () => {
    const wanted = { user, agent_ids: [agentId], expires_in }
    const { token } = await outlast.tokens.create({ ...wanted, access: 'approve' })
    return { token, expires_in }
  })
  const open = async () =>
    new HttpAgent({ url, headers: { authorization: `Bearer ${await tokenOf()}` } })
  const cancel = async (key: string) => {
    const { data } = await outlast.sessions.list({ user, agent_id: agentId, key })
    return data[0] ? Boolean(await outlast.sessions.cancelTurn(data[0].id)) : false
  }
  const agents = async () => ({ support: await open() })
  const runtime = new CopilotRuntime({ agents, runner: outlastRunner(open, cancel) })
  return createCopilotRuntimeHandler({ runtime, basePath: '/api/copilotkit' })
}

const handlers = new Map<string, ReturnType<typeof handlerOf>>()

async function handle(request: Request) {
  const user = await signedInUser(request)
  const handler = handlers.get(user) ?? handlerOf(user)
  handlers.set(user, handler)
  return handler(request)
}

export { handle as GET, handle as POST }
