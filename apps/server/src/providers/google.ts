import { readModelList } from './model-list.ts'
import { type Provider, versionedBase } from './provider.ts'

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
    if (options.reasoning === undefined) return options
    const own = { google: { thinkingConfig: { includeThoughts: true } } }
    return { ...options, providerOptions: { ...options.providerOptions, ...own } }
  },
  async model({ apiKey = '', baseUrl, fetch }, name) {
    const { createGoogle } = await import('@ai-sdk/google')
    const vendor = createGoogle({ apiKey, baseURL: baseOf(baseUrl), ...(fetch && { fetch }) })
    return vendor.languageModel(name)
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
