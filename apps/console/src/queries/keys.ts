/** Query keys of a noun: `all` is the common prefix, `lists` its lists, `one(id)` one resource. */
const keysOf = (noun: string) => ({
  all: [noun],
  lists: [noun, 'list'],
  one: (id: string) => [noun, id],
})

export type NounKeys = ReturnType<typeof keysOf>

export const agentKeys = keysOf('agents')
export const alertKeys = keysOf('alerts')
export const apiKeyKeys = keysOf('api-keys')
export const budgetKeys = keysOf('budgets')
export const capabilityKeys = keysOf('capabilities')
export const imageKeys = keysOf('images')
export const invitationKeys = keysOf('invitations')
export const mcpServerKeys = keysOf('mcp-servers')
export const meKeys = keysOf('me')
export const memberKeys = keysOf('members')
export const modelKeys = keysOf('models')
export const organizationKeys = keysOf('organizations')
export const providerKeys = keysOf('providers')
export const scheduleKeys = keysOf('schedules')
export const sessionKeys = keysOf('sessions')
export const shareKeys = keysOf('shares')
export const waitingKeys = keysOf('waiting')
export const usageKeys = keysOf('usage')
export const webhookKeys = keysOf('webhooks')
export const workerKeys = keysOf('workers')
export const workflowKeys = keysOf('workflows')
