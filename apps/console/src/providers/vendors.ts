import type { ProviderType } from '@outlast/sdk'

type Vendor = {
  type: ProviderType
  label: string
  /** What an address of it looks like. */
  address: string
  needsAddress: boolean
  hint: string
}

/** What one has to know of each type of provider. */
export const vendors: readonly Vendor[] = [
  {
    type: 'openai',
    label: 'OpenAI',
    address: 'https://api.openai.com/v1',
    needsAddress: false,
    hint: 'Speaks the Responses API. The key begins with sk-.',
  },
  {
    type: 'openai_completions',
    label: 'Chat Completions (vLLM, Ollama, OpenRouter, …)',
    address: 'http://127.0.0.1:8000/v1',
    needsAddress: true,
    hint: 'Anything with /chat/completions below its base URL. A local server may need no key.',
  },
  {
    type: 'anthropic',
    label: 'Anthropic',
    address: 'https://api.anthropic.com/v1',
    needsAddress: false,
    hint: 'The key begins with sk-ant-.',
  },
  {
    type: 'google',
    label: 'Google Gemini',
    address: 'https://generativelanguage.googleapis.com/v1beta',
    needsAddress: false,
    hint: 'A key of Google AI Studio.',
  },
  {
    type: 'azure_openai',
    label: 'Azure OpenAI',
    address: 'https://my-resource.openai.azure.com',
    needsAddress: true,
    hint: "The base URL is that of your resource. A model's name is that of its deployment.",
  },
  {
    type: 'llmsim',
    label: 'Simulated',
    address: '',
    needsAddress: false,
    hint: 'Answers by rules, without a network: for trying things and for tests. It needs no key.',
  },
]

/** A newer server may know types that this page has never heard of. */
export const vendorOf = (type: ProviderType): Vendor =>
  vendors.find((one) => one.type === type) ?? {
    type,
    label: type,
    address: '',
    needsAddress: false,
    hint: 'This page does not know the type. Reload it to get that of the server.',
  }
