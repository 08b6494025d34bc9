import type { ProviderType } from '@outlast/sdk'

type Vendor = {
  type: ProviderType
  label: string
  /** An example of its base URL. */
  address: string
  needsAddress: boolean
  hint: string
}

/** Names, addresses and hints of provider types. */
export const vendors: readonly Vendor[] = [
  {
    type: 'openai',
    label: 'OpenAI',
    address: 'https://api.openai.com/v1',
    needsAddress: false,
    hint: 'Uses the Responses API. Keys start with sk-.',
  },
  {
    type: 'openai_completions',
    label: 'Chat Completions (vLLM, Ollama, OpenRouter, …)',
    address: 'http://127.0.0.1:8000/v1',
    needsAddress: true,
    hint: 'Any server with /chat/completions below its base URL. A local server may need no key.',
  },
  {
    type: 'anthropic',
    label: 'Anthropic',
    address: 'https://api.anthropic.com/v1',
    needsAddress: false,
    hint: 'Keys start with sk-ant-.',
  },
  {
    type: 'google',
    label: 'Google Gemini',
    address: 'https://generativelanguage.googleapis.com/v1beta',
    needsAddress: false,
    hint: 'Needs a key from Google AI Studio.',
  },
  {
    type: 'azure_openai',
    label: 'Azure OpenAI',
    address: 'https://my-resource.openai.azure.com',
    needsAddress: true,
    hint: 'Enter the base URL of your resource. Model IDs are deployment names.',
  },
  {
    type: 'llmsim',
    label: 'Simulated',
    address: '',
    needsAddress: false,
    hint: 'Built-in simulated model for trials and tests. Needs no key and no network.',
  },
]

/** Returns the entry of a type. Unknown types of a newer server get a default entry. */
export const vendorOf = (type: ProviderType): Vendor =>
  vendors.find((one) => one.type === type) ?? {
    type,
    label: type,
    address: '',
    needsAddress: false,
    hint: 'Unknown provider type. Reload the page to update it.',
  }
