import { statusOf } from './failure.ts'
import { readModelList } from './model-list.ts'
import { isWordless, tuneResponses } from './openai.ts'
import { withStrictRoles } from './openai-completions.ts'
import type { ModelList, Provider, ProviderConnection } from './provider.ts'
import { strictOption } from './strict-schema.ts'

/** Last API version for URLs with a deployment. */
const deploymentsVersion = '2024-10-21'
/** Last API version with a list of deployments that an API key may read. */
const listVersion = '2023-03-15-preview'

type AzureAddress = {
  base: string
  /** Chat Completions instead of Responses. */
  chat: boolean
  /** Set for URLs with a deployment, the form before `/openai/v1`. */
  apiVersion?: string
}

/**
 * Parses the URL of a resource. Accepts `https://NAME.openai.azure.com`, the same with `/openai` or
 * `/openai/v1`, an endpoint URL, or `…/openai/deployments/NAME/chat/completions?api-version=…`.
 */
function azureAddress(baseUrl: string): AzureAddress {
  const { origin, pathname, searchParams } = new URL(baseUrl.trim())
  const path = pathname.replace(/\/+$/, '')
  const resource = /^(.*\/openai)\/deployments(\/|$)/i.exec(path)?.[1]
  if (resource !== undefined) {
    const apiVersion = searchParams.get('api-version') ?? deploymentsVersion
    return { base: origin + resource, chat: true, apiVersion }
  }
  const base = path.replace(/\/(responses|chat\/completions)$/i, '')
  const missing = /\/v1$/i.test(base) ? '' : /\/openai$/i.test(base) ? '/v1' : '/openai/v1'
  return { base: origin + base + missing, chat: /\/chat\/completions$/i.test(path) }
}

/**
 * Models of an Azure OpenAI resource: a model's name is the name of its deployment. Key and base
 * URL are always passed: the SDK must not read the environment.
 */
export const azureOpenai: Provider = {
  type: 'azure_openai',
  title: 'Azure OpenAI',
  needsBaseUrl: true,
  queryAllowed: 'api-version',
  signatures: ['reasoningEncryptedContent'],
  // Chat Completions reads options under another name and gets few: its older versions refuse
  // unknown options. `forceReasoning` names the limit of the output `max_completion_tokens`.
  takesSchema: ({ profile }) => profile?.structured_output ?? true,
  tune(options, about) {
    const { prompt, ...others } = tuneResponses('azure', options, about)
    const ordered = about.forms.has('alternating_roles') ? withStrictRoles(prompt) : prompt
    const chat = {
      ...strictOption(options.responseFormat),
      ...(about.forms.has('completion_tokens') && { forceReasoning: true }),
    }
    const providerOptions = { ...others.providerOptions, openai: chat }
    return { ...others, prompt: ordered, providerOptions }
  },
  async model({ apiKey = '', baseUrl = '', fetch }, name) {
    const { createAzure } = await import('@ai-sdk/azure')
    const { base, chat, apiVersion } = azureAddress(baseUrl)
    const vendor = createAzure({
      apiKey,
      baseURL: base,
      ...(apiVersion !== undefined && { apiVersion, useDeploymentBasedUrls: true }),
      ...(fetch && { fetch }),
    })
    return chat ? vendor.chat(name) : vendor.responses(name)
  },
  async listModels(connection, signal) {
    try {
      return await listDeployments(connection, signal)
    } catch (error) {
      if (statusOf(error) !== 404) throw error
      return await listNames(connection, signal)
    }
  },
}

const resourceOf = ({ baseUrl = '' }: ProviderConnection) =>
  azureAddress(baseUrl).base.replace(/\/v1$/i, '')

/** Lists the deployments of a resource. */
const listDeployments = (connection: ProviderConnection, signal: AbortSignal): Promise<ModelList> =>
  readModelList({
    connection,
    signal,
    headers: { 'api-key': connection.apiKey },
    url: () => `${resourceOf(connection)}/deployments?api-version=${listVersion}`,
    pick({ id, model, status = 'succeeded' }) {
      if (status !== 'succeeded' || isWordless(model)) return undefined
      return { id, name: model === id ? id : `${id} (${model})` }
    },
  })

/** Fallback without that list: a gateway's models, or the deployable models of a resource. */
const listNames = (connection: ProviderConnection, signal: AbortSignal): Promise<ModelList> =>
  readModelList({
    connection,
    signal,
    headers: { 'api-key': connection.apiKey },
    url: () => `${resourceOf(connection)}/v1/models`,
    pick({ id, capabilities }) {
      const talks = (capabilities as { chat_completion?: boolean } | undefined)?.chat_completion
      return talks === false || isWordless(id) ? undefined : { id }
    },
  })
