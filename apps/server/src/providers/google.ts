import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { readModelList } from './model-list.ts'
import {
  type Prompt,
  type Provider,
  type VendorModel,
  versionedBase,
  withStream,
} from './provider.ts'

const home = 'https://generativelanguage.googleapis.com/v1beta'

/** Removes the model from an endpoint URL: `…/v1beta/models/gemini-2.5-pro:streamG…`. */
const baseOf = (baseUrl = home) =>
  versionedBase(baseUrl.trim().replace(/\/models\/[^/]*$/, '/models'), '/models', '/v1beta')

/**
 * Google's Gemini API. Key and base URL are always passed: the SDK must not read the environment.
 */
export const google: Provider = {
  type: 'google',
  title: 'Google (Gemini)',
  environmentKey: 'DEFAULT_GOOGLE_API_KEY',
  signatures: ['thoughtSignature'],
  /** Gemini omits its thoughts from the response unless this is set. */
  tune(options) {
    if (options.reasoning === undefined || options.reasoning === 'none') return options
    const own = { google: { thinkingConfig: { includeThoughts: true } } }
    return { ...options, providerOptions: { ...options.providerOptions, ...own } }
  },
  async model({ apiKey = '', baseUrl, fetch }, name) {
    const { createGoogle } = await import('@ai-sdk/google')
    const vendor = createGoogle({ apiKey, baseURL: baseOf(baseUrl), ...(fetch && { fetch }) })
    return renamingTools(vendor.languageModel(name))
  },
  listModels: (connection, signal) =>
    readModelList({
      connection,
      signal,
      headers: { 'x-goog-api-key': connection.apiKey },
      url(after) {
        const from = after === undefined ? '' : `&pageToken=${encodeURIComponent(after)}`
        return `${baseOf(connection.baseUrl)}/models?pageSize=1000${from}`
      },
      next: ({ nextPageToken }) => nextPageToken || undefined,
      pick({ name, displayName, supportedGenerationMethods: methods }) {
        if (!Array.isArray(methods) || !methods.includes('generateContent')) return undefined
        return { id: String(name).replace(/^models\//, ''), name: displayName }
      },
    }),
}

const nameLengthMax = 64

/** Google refuses names of tools that begin with a digit or a hyphen. */
const validName = (name: string, prefix = '_') =>
  name.replace(/^[-\d]/, `${prefix}$&`).slice(0, nameLengthMax)

/** The names for Google of the tools whose own names it refuses. */
function newNames(tools: readonly { name: string }[]): Map<string, string> {
  const taken = new Set(tools.map(({ name }) => name))
  const names = new Map<string, string>()
  for (const { name } of tools) {
    let valid = validName(name)
    if (valid === name) continue
    for (let n = 2; taken.has(valid); n += 1) valid = validName(name, `_${n}_`)
    taken.add(valid)
    names.set(name, valid)
  }
  return names
}

function withValidNames(message: Prompt[number], names: Map<string, string>): Prompt[number] {
  if (message.role !== 'assistant' && message.role !== 'tool') return message
  const content = message.content.map((part) => {
    if (!('toolName' in part)) return part
    return { ...part, toolName: names.get(part.toolName) ?? validName(part.toolName) }
  })
  return { ...message, content } as Prompt[number]
}

/** Returns the model with valid names in its requests, and the tools' own names in its replies. */
function renamingTools(model: VendorModel): VendorModel {
  return withStream(model, async ({ prompt, tools = [], ...options }) => {
    const names = newNames(tools)
    const result = await model.doStream({
      ...options,
      prompt: prompt.map((message) => withValidNames(message, names)),
      tools: tools.map((tool) => ({ ...tool, name: names.get(tool.name) ?? tool.name })),
    })
    if (names.size === 0) return result
    const own = new Map([...names].map(([name, valid]) => [valid, name]))
    const named = new TransformStream<LanguageModelV4StreamPart, LanguageModelV4StreamPart>({
      transform(part, controller) {
        const toolName = 'toolName' in part && own.get(part.toolName)
        controller.enqueue(toolName ? { ...part, toolName } : part)
      },
    })
    return { ...result, stream: result.stream.pipeThrough(named) }
  })
}
