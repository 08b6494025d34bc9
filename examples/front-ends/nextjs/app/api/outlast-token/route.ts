import { createOutlast } from '@outlast/sdk'
import { createTokenHandler } from '@outlast/sdk/server'
import { agentId, apiKey, signedInUser, url } from '../../../outlast'

export const POST = createTokenHandler({
  outlast: createOutlast({ url, apiKey }),
  user: signedInUser,
  grants: { access: 'approve', agent_ids: [agentId] },
})
