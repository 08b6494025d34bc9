import { readModelList } from './model-list.ts'
import { type Prompt, type Provider, stripEndpoint, withOneSystemMessage } from './provider.ts'
import { strictOption } from './strict-schema.ts'

const home = 'https://api.openai.com/v1'
// Without a default version: the URLs of some vendors have none, or no path at all.
const baseOf = (baseUrl = home) => stripEndpoint(baseUrl, '/chat/completions')

const noReply: Prompt[number] = {
  role: 'assistant',
  content: [{ type: 'text', text: '(no reply)' }],
}

const noMessage: Prompt[number] = {
  role: 'user',
  content: [{ type: 'text', text: '(no message)' }],
}

/** Removes thinking, which most servers refuse or ignore. */
const withoutThinking = (prompt: Prompt): Prompt =>
  prompt.map((message) =>
    message.role === 'assistant'
      ? { ...message, content: message.content.filter(({ type }) => type !== 'reasoning') }
      : message,
  )

/** Adds the replies and user messages that a strict order of roles requires between others. */
export const withStrictRoles = (prompt: Prompt): Prompt =>
  prompt.flatMap((message, index) => {
    const { role } = message
    const before = prompt[index - 1]?.role ?? 'system'
    if (role === 'user' && (before === 'user' || before === 'tool')) return [noReply, message]
    const isOpening = before === 'system' || before === 'assistant'
    return role === 'assistant' && isOpening ? [noMessage, message] : [message]
  })

/** Any server with OpenAI's Chat Completions API: Ollama, vLLM, LM Studio, most vendors. */
export const openaiCompletions: Provider = {
  type: 'openai_completions',
  title: 'OpenAI-compatible (Chat Completions)',
  environmentKey: 'DEFAULT_OPENAI_API_KEY',
  // Gemini's signature. Its compatible API and gateways pass it on, and it refuses calls without
  // it.
  signatures: ['thoughtSignature'],
  // Local servers apply a response format to tool calls too.
  takesSchema: ({ profile, hasTools }) => profile?.structured_output ?? !hasTools,
  tune({ prompt, maxOutputTokens: limit, ...options }, { oneCall, forms }) {
    const thought = forms.has('returned_thinking') ? prompt : withoutThinking(prompt)
    const ordered = forms.has('alternating_roles') ? withStrictRoles(thought) : thought
    const strict = strictOption(options.responseFormat)
    const renames = limit !== undefined && forms.has('completion_tokens')
    const own = {
      // The SDK names signatures by `openaiCompletions` in calls that have it.
      ...(strict && { openaiCompatible: strict }),
      // The SDK sends unknown options unchanged.
      openai_completions: {
        ...(oneCall && { parallel_tool_calls: false }),
        ...(renames && { max_completion_tokens: limit }),
      },
    }
    const providerOptions = { ...options.providerOptions, ...own }
    const maxOutputTokens = renames ? undefined : limit
    return { ...options, prompt: withOneSystemMessage(ordered), maxOutputTokens, providerOptions }
  },
  async model({ apiKey, baseUrl, fetch }, name) {
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible')
    const vendor = createOpenAICompatible({
      name: 'openai_completions',
      baseURL: baseOf(baseUrl),
      includeUsage: true,
      supportsStructuredOutputs: true,
      ...(apiKey !== undefined && { apiKey }),
      ...(fetch && { fetch }),
    })
    return vendor.chatModel(name)
  },
  listModels: (connection, signal) =>
    readModelList({
      connection,
      signal,
      headers: { authorization: connection.apiKey && `Bearer ${connection.apiKey}` },
      url: () => `${baseOf(connection.baseUrl)}/models`,
      pick: ({ id, name, display_name }) => ({ id, name: display_name ?? name }),
    }),
}
